"""Verb `checkpoint`: rebuild a shipped checkpoint from seeds alone (an hour or two)."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from mobile_vla_ros.cli import one_line_errors, Parser
from mobile_vla_ros.environment import packages
from mobile_vla_ros.environment.share import SHIPPED
from mobile_vla_ros.training.recipe import build, Recipe

EXAMPLE = 'example: python -m mobile_vla_ros checkpoint --out out/checkpoint/default'


def score(runtime: Path, seeds: Sequence[int], processes: int) -> dict[str, Any]:
    """Return the rates of a runtime file that drives through simulated scenes."""
    from mobile_vla_ros.benchmark import metrics, rollout
    job = rollout.Job(checkpoint=str(runtime))
    return metrics.summarise(rollout.run(job, seeds, processes), job)


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    """Build a checkpoint; steps that are done already are taken from the work folder."""
    p = Parser(prog='python -m mobile_vla_ros checkpoint', description=__doc__, epilog=EXAMPLE)
    p.add_argument('--work', type=Path, default=Path('out/checkpoint'),
                   help='recordings and the first policies; about 3 GB')
    p.add_argument('--out', type=Path, help='default: checkpoints/, as the model ships')
    for field in fields(Recipe):
        p.add_argument(f'--{field.name.replace("_", "-")}', type=type(field.default),
                       default=field.default,
                       choices=list(SHIPPED) if field.name == 'model' else None)
    args = vars(p.parse_args(argv))
    for name, value in args.items():
        least = int(name not in ('rounds', 'corrections', 'seed'))
        if isinstance(value, int) and value < least:
            raise ValueError(f'--{name.replace("_", "-")} must be {least} or more, got {value}')
    packages.require(*packages.TRAIN, *packages.SIMULATE)
    work, out = args.pop('work'), args.pop('out')
    out = out or Path('checkpoints', SHIPPED[args['model']])
    metrics = build(Recipe(**args), work, out, score)
    from mobile_vla_ros.cli.benchmark import print_table
    loop = metrics['closed_loop']
    print_table({k: v for k, v in loop.items() if isinstance(v, dict)},
                f'{out}.onnx: {loop["episodes"]} scenes from seed {loop["first_seed"]}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
