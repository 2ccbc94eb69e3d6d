"""Verb `train`: train a policy on a dataset; write a checkpoint and its runtime file."""

from argparse import Namespace
from contextlib import nullcontext
from dataclasses import replace
import json
import os
from pathlib import Path
import sys
from typing import Any, TYPE_CHECKING

import numpy as np

from mobile_vla_ros.cli import one_line_errors, Parser
from mobile_vla_ros.environment import packages
from mobile_vla_ros.environment.share import share_file, STRATEGIES

if TYPE_CHECKING:
    from mobile_vla_ros.models.metadata import Metadata
    from mobile_vla_ros.training.distributed import ProcessGroup

EXAMPLE = ('example: python -m mobile_vla_ros train --collect 200 --data out/data '
           '--out out/train')


def parser() -> Parser:
    """Return the verb's arguments."""
    p = Parser(prog='python -m mobile_vla_ros train', description=__doc__, epilog=EXAMPLE)
    p.add_argument('--data', type=Path, required=True,
                   help='folder of the dataset; with --collect it is made')
    p.add_argument('--out', type=Path, required=True,
                   help='folder for best.safetensors, best.onnx, last.safetensors, metrics.json '
                   'and curves.png')
    p.add_argument('--strategy', metavar='NAME', help=f'{", ".join(STRATEGIES)}, or a .yaml file; '
                   'default: the one that fits the axes that move')
    p.add_argument('--collect', type=int, default=0, metavar='N',
                   help='record N simulated episodes into --data first')
    p.add_argument('--held-out', type=int, default=20, metavar='N',
                   help='with --collect: N more episodes, by which the best epoch is chosen')
    p.add_argument('--epochs', type=int, help="instead of the strategy's")
    p.add_argument('--learning-rate', type=float, help="instead of the strategy's")
    p.add_argument('--seed', type=int, help="instead of the strategy's")
    p.add_argument('--start', metavar='FILE', help='begin with this checkpoint (.safetensors, or '
                   '`shipped`), at a smaller learning rate')
    p.add_argument('--resume', action='store_true',
                   help='continue the interrupted training in --out')
    p.add_argument('--tensorboard', action='store_true',
                   help='write every epoch to the folder tensorboard in --out')
    return p


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    """Train; with --collect record simulated episodes first."""
    args = parser().parse_args(argv)
    if args.collect < 0 or args.held_out < 0:
        raise ValueError('--collect and --held-out must be 0 or more, got '
                         f'{args.collect} and {args.held_out}')
    packages.require(*packages.TRAIN, *(packages.SIMULATE if args.collect else ()),
                     *(('tensorboardX',) if args.tensorboard else ()))
    # Read when torch is loaded: threads that spin while they wait crawl beside another program.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    from mobile_vla_ros.models.checkpoint import load_model
    from mobile_vla_ros.training import advice, curves
    from mobile_vla_ros.training.distributed import ProcessGroup
    from mobile_vla_ros.training.fit import fit, GOING_ON
    from mobile_vla_ros.training.strategies import read_strategy
    strategy = args.strategy and read_strategy(args.strategy)  # a wrong name shows here
    overrides = {name: getattr(args, name) for name in ('epochs', 'learning_rate', 'seed')}
    start = _start(args.start)
    if start and args.learning_rate is None:
        overrides['learning_rate'] = GOING_ON
    model, metadata = load_model(start) if start else (None, None)
    learned = _learned(args.start, metadata) if metadata else ()
    state = args.out / 'state.safetensors'
    args.out.mkdir(parents=True, exist_ok=True)
    if args.resume and not state.exists():
        raise ValueError(f'no training to resume in {args.out}; leave --resume out')
    group = ProcessGroup()
    if group.is_main and not args.resume:
        state.unlink(missing_ok=True)
    episodes, measured = _episodes(args, learned, group)
    commands = np.concatenate([e.labels[:, e.side, e.color] for e in episodes if e.original])
    name, why = advice.fitting_strategy(commands)
    strategy = strategy or read_strategy(name)
    config = replace(strategy.train, **{k: v for k, v in overrides.items() if v is not None})
    warnings = [text for text in (
        advice.misfit_warning(config.z_weight, commands),
        advice.faint_warning(model, commands) if model else '') if text]
    if group.is_main:
        if not args.strategy:
            print(f'strategy {name}: {why}; --strategy takes another')
        _warn(warnings)
    board = curves.tensorboard(args.out / 'tensorboard') if args.tensorboard and group.is_main \
        else nullcontext(lambda row: None)
    with board as note:
        metrics = fit(episodes, measured, args.out / 'best.safetensors', config, strategy.config,
                      start, state, note, args.out / 'last.safetensors', learned)
    if group.is_main:
        metrics['held_out'] = sorted({each.name or each.recording for each in measured})
        _finish(args.out, metrics, warnings)
    return 0


def _start(text: str | None) -> Path | None:
    """Return the checkpoint with which training begins, if any; raise a ValueError for others."""
    if not text:
        return None
    path = share_file('checkpoints', 'default.safetensors') if text == 'shipped' else Path(text)
    if path.suffix != '.safetensors' or not path.is_file():
        raise ValueError(f'--start takes a checkpoint to train on, a .safetensors file such as '
                         f'best.safetensors, or `shipped`; got {path}'
                         + ('' if path.exists() else ', which is not there'))
    return path


def _learned(start: str, metadata: 'Metadata') -> tuple[str, ...]:
    """Return the recordings that a checkpoint learned from: none of them may be held out."""
    if 'recordings' not in metadata.data and start != 'shipped':
        print(f'note: {start} does not say which recordings it learned from; what is held out '
              'here may be among them')
    return metadata.data.get('recordings', ())


def _episodes(args: Namespace, learned: tuple[str, ...],
              group: 'ProcessGroup') -> tuple[list[Any], list[Any]]:
    """Return the episodes to train on and those held out; with --collect record them first."""
    from mobile_vla_ros.training.shards import read_shards
    from mobile_vla_ros.training.split import split
    teacher, held_out = args.data / 'teacher', args.data / 'held_out'
    if args.collect:
        from mobile_vla_ros.sim.seeds import TRAIN, VALIDATION
        if group.is_main:
            from mobile_vla_ros.training.collect import collect
            collect(teacher, TRAIN[:args.collect])
            collect(held_out, VALIDATION[:args.held_out])
    group.barrier()
    if not teacher.is_dir():
        return split(read_shards(args.data), learned)
    episodes, measured = read_shards(teacher), read_shards(held_out)
    if args.collect:  # an earlier call may have recorded more
        episodes = [e for e in episodes if e.seed in TRAIN[:args.collect]]
        measured = [e for e in measured if e.seed in VALIDATION[:args.held_out]]
    return episodes, measured


def _finish(out: Path, metrics: dict[str, Any], warnings: list[str]) -> None:
    """Export the best checkpoint; write metrics and curves; print how good it is."""
    from mobile_vla_ros.models.checkpoint import load_model
    from mobile_vla_ros.training import advice, curves
    from mobile_vla_ros.training.export import export
    checkpoint = out / 'best.safetensors'
    scores = metrics['open_loop']
    unlearned = advice.unlearned_warnings(scores['mae'], scores['constant_mae'])
    metrics['warnings'] = [*warnings, *unlearned]
    metrics['export_error'] = export(checkpoint, out / 'best.onnx')
    (out / 'metrics.json').write_text(json.dumps(metrics, indent=1))
    curves.draw(load_model(checkpoint)[1].training['history'], out / 'curves.png')
    print(f'{checkpoint} and best.onnx: held-out MAE {scores["mae"]}, a constant command '
          f'{scores["constant_mae"]}')
    _warn(unlearned)


def _warn(warnings: list[str]) -> None:
    for text in warnings:
        print(f'warning: {text}', file=sys.stderr)


if __name__ == '__main__':
    raise SystemExit(main())
