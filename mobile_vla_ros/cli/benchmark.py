"""Verb `benchmark`: closed loop over many scenes, rates with intervals, trivial baselines."""

from dataclasses import asdict
import json
import os
from pathlib import Path

from tqdm import tqdm

from mobile_vla_ros import __version__
from mobile_vla_ros.cli import judge, one_line_errors, Parser
from mobile_vla_ros.contract import AXES
from mobile_vla_ros.sim.seeds import split_of, TEST

EXAMPLE = 'example: python -m mobile_vla_ros benchmark --episodes 300 --json out/benchmark.json'


def parser() -> Parser:
    """Return the verb's arguments."""
    p = Parser(prog='python -m mobile_vla_ros benchmark', description=__doc__, epilog=EXAMPLE)
    p.add_argument('--episodes', type=int, default=100)
    p.add_argument('--first-seed', type=int, default=TEST.start,
                   help=f'scenes are consecutive seeds; from {TEST.start} on training saw none')
    p.add_argument('--json', type=Path, help='write rates, intervals and one row an episode')
    p.add_argument('--checkpoint', help='.onnx or .safetensors; the shipped one by default')
    p.add_argument('--backend', default='auto')
    p.add_argument('--policy', default='checkpoint',
                   choices=('checkpoint', 'expert', 'constant', 'blind', 'no-text'))
    swap = p.add_mutually_exclusive_group()
    swap.add_argument('--swap-sides', dest='swap', action='store_const', const='sides',
                      default='none', help='ask for the other side')
    swap.add_argument('--swap-colors', dest='swap', action='store_const', const='colors',
                      help='ask for another bottle of the scene')
    p.add_argument('--phrases', help='YAML file of other ways to say the tasks')
    p.add_argument('--held-out-look', action='store_true',
                   help='shades and textures that no training scene has')
    p.add_argument('--open-loop', action='store_true',
                   help='the expert drives, the policy is only asked: errors per axis')
    p.add_argument('--over-ros', action='store_true',
                   help='through the sim and drive nodes over DDS, in real time')
    p.add_argument('--fail-under', metavar='SPEC', type=Path,
                   help='YAML of limits; exit status 1 where one is broken')
    p.add_argument('--processes', type=int, default=os.cpu_count() or 1)
    return p


@one_line_errors
def main(argv=None) -> int:
    """Run the benchmark; see `parser`."""
    args = parser().parse_args(argv)
    if args.episodes < 1 or args.processes < 1 or args.first_seed < 0:
        raise ValueError(f'--episodes and --processes must be 1 or more and --first-seed 0 or '
                         f'more, got {args.episodes}, {args.processes} and {args.first_seed}')
    from mobile_vla_ros.evaluate import over_ros
    from mobile_vla_ros.evaluate.gate import read_spec
    from mobile_vla_ros.evaluate.closed_loop import Job, run, Runner, summarise
    job = Job(args.policy, args.checkpoint, args.backend, args.swap, args.phrases,
              args.held_out_look, args.open_loop)
    if args.over_ros:
        over_ros.check(job)
    spec = read_spec(args.fail_under) if args.fail_under else None
    probe = Runner(job)  # bad input shows here, in one process, before many start
    seeds = range(args.first_seed, args.first_seed + args.episodes)
    with tqdm(total=len(seeds), unit='episode', desc=args.policy) as bar:
        good = 0

        def done(row):
            nonlocal good
            good += row.get('success', False)
            bar.update()
            bar.set_postfix(success=good)
        rows = over_ros.run(job, seeds, done) if args.over_ros \
            else run(job, seeds, min(args.processes, len(seeds)), done)
    rates = summarise(rows, job)
    split = split_of(seeds[0])
    print_table(rates, f'{args.policy}, {len(seeds)} scenes from seed {seeds[0]} ({split})')
    if split != 'test':
        print(f'note: seed {seeds[0]} belongs to the {split} split; test scenes start at '
              f'{TEST.start}')
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({
            'job': {**asdict(job), 'over_ros': args.over_ros}, 'first_seed': seeds[0],
            'episodes': len(seeds), 'split': split, 'package_version': __version__,
            'checkpoint_sha256': probe.policy.sha256 if probe.policy else None,
            'data_digest': probe.policy.metadata.data.get('digest') if probe.policy else None,
            'rates': rates, 'rows': [{k: v for k, v in row.items() if k != 'errors'}
                                     for row in rows]}, ensure_ascii=False, indent=1))
    return judge({'rates': rates}, spec)


def print_table(rates: dict, title: str) -> None:
    """Print one line a rate."""
    print(title)
    for name, value in rates.items():
        if name in ('mae', 'constant_mae'):
            print(f'  {name:<14}' + ', '.join(f'{a} {v:.4f}' for a, v in zip(AXES, value)))
        elif value['trials']:
            print(f'  {name:<14}{value["rate"]:7.1%}  [{value["low"]:.1%}, {value["high"]:.1%}]  '
                  f'{value["hits"]}/{value["trials"]}')


if __name__ == '__main__':
    raise SystemExit(main())
