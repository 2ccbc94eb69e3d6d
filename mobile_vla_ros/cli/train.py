"""Verb `train`: recordings to a checkpoint and its runtime file, offline."""

from contextlib import nullcontext
from dataclasses import replace
import json
import os
from pathlib import Path
import sys

import numpy as np

from mobile_vla_ros.cli import one_line_errors, Parser
from mobile_vla_ros.environment import packages
from mobile_vla_ros.environment.share import share_file, STRATEGIES

EXAMPLE = ('example: python -m mobile_vla_ros train --collect 200 --data out/data '
           '--out out/train')


def parser() -> Parser:
    """Return the verb's arguments."""
    p = Parser(prog='python -m mobile_vla_ros train', description=__doc__, epilog=EXAMPLE)
    p.add_argument('--data', type=Path, required=True,
                   help='folder of a dataset, or for --collect')
    p.add_argument('--out', type=Path, required=True,
                   help='folder for best.safetensors, best.onnx, last.safetensors, metrics.json '
                   'and curves.png')
    p.add_argument('--strategy', metavar='NAME', help=f'{", ".join(STRATEGIES)}, or a .yaml file; '
                   'if not given that which fits the axes that move')
    p.add_argument('--collect', type=int, default=0, metavar='N',
                   help='record N simulated episodes into --data first')
    p.add_argument('--held-out', type=int, default=20, help='simulated episodes to choose by')
    p.add_argument('--epochs', type=int, help="instead of the strategy's")
    p.add_argument('--learning-rate', type=float, help="instead of the strategy's")
    p.add_argument('--seed', type=int, help="instead of the strategy's")
    p.add_argument('--start', metavar='FILE', help='begin with this checkpoint (.safetensors, or '
                   '`shipped`), at a smaller learning rate')
    p.add_argument('--resume', action='store_true',
                   help='go on with the interrupted training in --out')
    p.add_argument('--tensorboard', action='store_true',
                   help='write every epoch to --out/tensorboard')
    return p


@one_line_errors
def main(argv=None) -> int:
    """Train; with --collect record simulated episodes first."""
    args = parser().parse_args(argv)
    packages.require(*packages.TRAIN, *(packages.SIMULATE if args.collect else ()),
                     *(('tensorboardX',) if args.tensorboard else ()))
    # Read when torch is loaded: threads that spin while they wait crawl beside another program.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    from mobile_vla_ros.models.checkpoint import load_model
    from mobile_vla_ros.training import advice, curves
    from mobile_vla_ros.training.distributed import ProcessGroup
    from mobile_vla_ros.training.export import export
    from mobile_vla_ros.training.fit import fit, GOING_ON
    from mobile_vla_ros.training.shards import read_shards
    from mobile_vla_ros.training.split import split
    from mobile_vla_ros.training.strategies import read_strategy
    strategy = args.strategy and read_strategy(args.strategy)  # a wrong name shows here
    given = {name: getattr(args, name) for name in ('epochs', 'learning_rate', 'seed')}
    start = args.start and (share_file('checkpoints', 'default.safetensors')
                            if args.start == 'shipped' else Path(args.start))
    if start and args.learning_rate is None:
        given['learning_rate'] = GOING_ON
    if start and (start.suffix != '.safetensors' or not start.is_file()):
        raise ValueError(f'--start takes a checkpoint to train on, a .safetensors file such as '
                         f'best.safetensors, or `shipped`; got {start}'
                         + ('' if start.exists() else ', which is not there'))
    known, learned = (load_model(start) if start else None), ()
    if known:
        learned = known[1].data.get('recordings', ())
        if 'recordings' not in known[1].data and args.start != 'shipped':
            print(f'note: {start} does not say which recordings it learned from; what is held out '
                  'here may be among them')
    state = args.out / 'state.safetensors'
    args.out.mkdir(parents=True, exist_ok=True)
    if args.resume and not state.exists():
        raise ValueError(f'no training to resume in {args.out}; leave --resume out')
    group = ProcessGroup()
    if group.is_main and not args.resume:
        state.unlink(missing_ok=True)
    teacher, held_out = args.data / 'teacher', args.data / 'held_out'
    if args.collect:
        from mobile_vla_ros.sim.seeds import TRAIN, VALIDATION
    if args.collect and group.is_main:
        from mobile_vla_ros.training.collect import collect
        collect(teacher, TRAIN[:args.collect])
        collect(held_out, VALIDATION[:args.held_out])
    group.barrier()
    if teacher.is_dir():
        episodes, measured = read_shards(teacher), read_shards(held_out)
        if args.collect:  # more may be there
            episodes = [e for e in episodes if e.seed in TRAIN[:args.collect]]
            measured = [e for e in measured if e.seed in VALIDATION[:args.held_out]]
    else:
        episodes, measured = split(read_shards(args.data), learned)
    commands = np.concatenate([e.labels[:, e.side, e.color] for e in episodes if e.original])
    name, why = advice.fitting_strategy(commands)
    strategy = strategy or read_strategy(name)
    config = replace(strategy.train, **{k: v for k, v in given.items() if v is not None})
    warnings = list(filter(None, (advice.misfit_warning(config.z_weight, commands),
                                  known and advice.faint_warning(known[0], commands))))
    if group.is_main:
        if not args.strategy:
            print(f'strategy {name}: {why}; --strategy takes another')
        _warn(warnings)
    checkpoint = args.out / 'best.safetensors'
    notes = curves.tensorboard(args.out / 'tensorboard') if args.tensorboard and group.is_main \
        else nullcontext(lambda row: None)
    with notes as note:
        metrics = fit(episodes, measured, checkpoint, config, strategy.config, start, state, note,
                      args.out / 'last.safetensors', learned)
    if not group.is_main:
        return 0
    metrics['held_out'] = sorted({episode.name or episode.recording for episode in measured})
    unlearned = advice.unlearned_warnings(metrics['open_loop']['mae'],
                                 metrics['open_loop']['constant_mae'])
    metrics['warnings'] = [*warnings, *unlearned]
    metrics['export_error'] = export(checkpoint, args.out / 'best.onnx')
    (args.out / 'metrics.json').write_text(json.dumps(metrics, indent=1))
    curves.draw(load_model(checkpoint)[1].training['history'], args.out / 'curves.png')
    print(f'{checkpoint} and best.onnx: held-out MAE {metrics["open_loop"]["mae"]}, a constant '
          f'command {metrics["open_loop"]["constant_mae"]}')
    _warn(unlearned)
    return 0


def _warn(lines) -> None:
    for line in lines:
        print(f'warning: {line}', file=sys.stderr)


if __name__ == '__main__':
    raise SystemExit(main())
