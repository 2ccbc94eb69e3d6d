"""Verb `train`: recordings to a checkpoint and its runtime file, offline."""

import json
from pathlib import Path

from mobile_vla_ros.cli import one_line_errors, Parser

EXAMPLE = ('example: python -m mobile_vla_ros train --collect 200 --data out/data '
           '--out out/train')


@one_line_errors
def main(argv=None) -> int:
    """Train; with --collect record simulated episodes first."""
    from mobile_vla_ros.sim.seeds import TRAIN, VALIDATION
    from mobile_vla_ros.training.collect import collect
    from mobile_vla_ros.training.export import export
    from mobile_vla_ros.training.loop import TrainConfig
    from mobile_vla_ros.training.recipe import fit
    default = TrainConfig()
    p = Parser(prog='python -m mobile_vla_ros train', description=__doc__, epilog=EXAMPLE)
    p.add_argument('--data', type=Path, required=True, help='folder of recordings')
    p.add_argument('--out', type=Path, required=True,
                   help='folder for best.safetensors, best.onnx and metrics.json')
    p.add_argument('--collect', type=int, default=0, metavar='N',
                   help='record N simulated episodes into --data first')
    p.add_argument('--held-out', type=int, default=20, help='simulated episodes to choose by')
    p.add_argument('--epochs', type=int, default=default.epochs)
    p.add_argument('--learning-rate', type=float, default=default.learning_rate)
    p.add_argument('--seed', type=int, default=default.seed)
    p.add_argument('--start', type=Path, help='go on from this checkpoint (.safetensors)')
    args = p.parse_args(argv)
    config = TrainConfig(epochs=args.epochs, learning_rate=args.learning_rate, seed=args.seed)
    teacher, held_out = args.data / 'teacher', args.data / 'held_out'
    if args.collect:
        collect(teacher, TRAIN[:args.collect])
        collect(held_out, VALIDATION[:args.held_out])
    checkpoint = args.out / 'best.safetensors'
    metrics = fit([teacher], held_out, checkpoint, config, start=args.start)
    metrics['export_error'] = export(checkpoint, args.out / 'best.onnx')
    (args.out / 'metrics.json').write_text(json.dumps(metrics, indent=1))
    print(f'{checkpoint} and best.onnx: held-out MAE {metrics["open_loop"]["mae"]}, a constant '
          f'command {metrics["open_loop"]["constant_mae"]}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
