"""Verb `benchmark`: drive a policy through many simulated scenes; print rates and intervals."""

from argparse import Namespace
from dataclasses import asdict
import os
from pathlib import Path
from typing import Any

from mobile_vla_ros import __version__
from mobile_vla_ros.benchmark.journal import Journal
from mobile_vla_ros.cli import judge, one_line_errors, Parser, save
from mobile_vla_ros.contract import AXES
from mobile_vla_ros.environment import packages
from mobile_vla_ros.sim.seeds import split_of, TEST

EPISODES = 100
EXAMPLE = 'example: python -m mobile_vla_ros benchmark --episodes 300 --json out/benchmark.json'


Row = dict[str, Any]  # what was measured in an episode
Task = tuple[str, Any, int]  # part of the suite, job, seed


def parser() -> Parser:
    """Return the verb's arguments."""
    p = Parser(prog='python -m mobile_vla_ros benchmark', description=__doc__, epilog=EXAMPLE)
    p.add_argument('--episodes', type=int, default=EPISODES, help='number of scenes')
    p.add_argument('--first-seed', type=int, default=TEST.start,
                   help=f'seed of the first scene; training saw none from {TEST.start} on')
    p.add_argument('--json', type=Path, help='write rates, intervals and a row for each episode')
    p.add_argument('--checkpoint', help='.onnx or .safetensors; the shipped one by default')
    p.add_argument('--backend', default='auto', help='runtime of the policy')
    p.add_argument('--policy', default='checkpoint',
                   choices=('checkpoint', 'expert', 'constant', 'blind', 'no-text'),
                   help='who drives: the checkpoint, or a baseline beside it')
    swap = p.add_mutually_exclusive_group()
    swap.add_argument('--swap-sides', dest='swap', action='store_const', const='sides',
                      default='none', help='ask for the other side of the boxes')
    swap.add_argument('--swap-colors', dest='swap', action='store_const', const='colors',
                      help='ask for another bottle of the scene')
    p.add_argument('--phrases', help='YAML file of other ways to say the tasks')
    p.add_argument('--held-out-look', action='store_true',
                   help='shades, textures and light that no training scene has')
    p.add_argument('--open-loop', action='store_true',
                   help='the expert drives and the policy is only asked; errors of each axis')
    p.add_argument('--over-ros', action='store_true',
                   help='through the sim and drive nodes over DDS, in real time')
    p.add_argument('--suite', metavar='NAME', help='a named set of scenes and disturbances: '
                   'standard-3 (408 episodes), short-2 (24)')
    p.add_argument('--html', type=Path, help='write a page with every path, failures first')
    p.add_argument('--films', metavar='FOLDER', type=Path,
                   help='film every episode that fails')
    p.add_argument('--fail-under', metavar='SPEC', type=Path,
                   help='YAML of limits; exit status 1 where one is broken')
    p.add_argument('--processes', type=int, default=os.cpu_count() or 1,
                   help='scenes driven at once')
    return p


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; see `parser`."""
    args = parser().parse_args(argv)
    if args.episodes < 1 or args.processes < 1 or args.first_seed < 0:
        raise ValueError(f'--episodes and --processes must be 1 or more and --first-seed 0 or '
                         f'more, got {args.episodes}, {args.processes} and {args.first_seed}')
    packages.require(*packages.SIMULATE, 'tqdm', *(('matplotlib',) if args.html else ()),
                     *(packages.FILM if args.films else ()))
    from mobile_vla_ros.benchmark import metrics, over_ros, rollout, suites
    from mobile_vla_ros.report.gate import read_spec
    job = rollout.Job(args.policy, args.checkpoint, args.backend, args.swap, args.phrases,
                          args.held_out_look, args.open_loop, trace=bool(args.html or args.films))
    if args.over_ros:
        over_ros.check(job)
        if args.suite or args.html or args.films:
            raise ValueError('--over-ros takes no --suite, --html or --films; leave them out')
    if args.suite and (args.episodes, args.first_seed) != (EPISODES, TEST.start):
        print('note: a suite has scenes of its own: --episodes and --first-seed change nothing')
    spec = read_spec(args.fail_under) if args.fail_under else None
    if args.suite in suites.REPLACED:
        new = suites.current_name(args.suite)
        print(f'note: {args.suite} is run as {new}, in which the guard of the drive node stands '
              "between policy and base: don't compare the figures of the two")
        args.suite = new
    tasks = suites.tasks(args.suite, job) if args.suite else [
        ('', job, seed) for seed in range(args.first_seed, args.first_seed + args.episodes)]
    probe = rollout.Runner(job)  # bad input shows here, in one process, before many start
    split = split_of(tasks[0][2])
    result = {
        'job': {**asdict(job), 'over_ros': args.over_ros}, 'suite': args.suite,
        'first_seed': tasks[0][2], 'episodes': len(tasks), 'split': split,
        'package_version': __version__,
        'checkpoint_sha256': probe.policy.sha256 if probe.policy else None,
        'data_digest': probe.policy.metadata.data.get('digest') if probe.policy else None}
    journal = Journal(args.json and args.json.with_suffix('.partial.jsonl'), result)
    rows = _measure(tasks, journal, args)
    rates = metrics.summarise(rows, job)
    print_table(rates, f'{args.policy}, {args.suite or "plain scenes"}, {len(tasks)} episodes '
                f'from seed {tasks[0][2]} ({split})')
    if split != 'test':
        print(f'note: seed {tasks[0][2]} belongs to the {split} split; test scenes start at '
              f'{TEST.start}')
    failed = [row['policy_error'] for row in rows if row.get('policy_error')]
    if failed:
        print(f'note: the policy failed in {len(failed)} of {len(rows)} episodes, and the base '
              f'stood meanwhile: {failed[0]}')
    names = [part for part, _, _ in tasks]
    result |= {
        'rates': rates, 'driving': metrics.driving_quartiles(rows),
        'parts': {name: metrics.summarise([r for r, n in zip(rows, names) if n == name], job)
                  for name in dict.fromkeys(names)},
        'by': metrics.rates_by_group(rows, job),
        'rows': [{k: v for k, v in row.items() if k != 'errors'} for row in rows]}
    films = _film(rows, tasks, args) if args.films else {}
    if args.html:
        from mobile_vla_ros.benchmark.page import page
        save(args.html, page(result, tasks, films))
    if args.json:
        save(args.json, result)
    journal.remove()
    return judge({name: result[name] for name in ('rates', 'parts', 'by', 'driving')}, spec)


def _measure(tasks: list[Task], journal: Journal, args: Namespace) -> list[Row]:
    """Run the tasks that are not in the journal yet; return all rows in the tasks' order."""
    from tqdm import tqdm
    from mobile_vla_ros.benchmark import over_ros, rollout
    left = [number for number in range(len(tasks)) if number not in journal.rows]
    with tqdm(total=len(tasks), initial=len(tasks) - len(left), unit='episode',
              desc=args.policy) as bar:
        numbers = iter(left)

        def done(row: Row) -> None:
            journal.add(next(numbers), row)
            bar.update()
            bar.set_postfix(success=sum(r.get('success', False) for r in journal.rows.values()))
        if args.over_ros:
            over_ros.run(tasks[0][1], [tasks[number][2] for number in left], done)
        elif left:
            rollout.run_each([tasks[number][1:] for number in left],
                             min(args.processes, len(left)), done)
    return [journal.rows[number] for number in range(len(tasks))]


def _film(rows: list[Row], tasks: list[Task], args: Namespace) -> dict[int, str]:
    """Film the episodes that failed; return {seed: address as seen from the page}."""
    from tqdm import tqdm
    from mobile_vla_ros.benchmark.failure_films import FailureFilms
    failed = [(job, seed) for row, (_, job, seed) in zip(rows, tasks)
              if not row.get('success', True)]
    camera, films = FailureFilms(tasks[0][1]), dict[int, str]()
    for job, seed in tqdm(failed, unit='film', disable=None):
        path = args.films / f'{seed}.mp4'
        camera.film(job, seed, path)
        films[seed] = os.path.relpath(path, args.html.parent if args.html else '.')
    print(f'{args.films}: {len(films)} films of what failed')
    return films


def print_table(rates: dict[str, Any], title: str) -> None:
    """Print a line for each rate."""
    print(title)
    for name, value in rates.items():
        if name in ('mae', 'constant_mae'):
            print(f'  {name:<14}' + ', '.join(f'{a} {v:.4f}' for a, v in zip(AXES, value)))
        elif value['trials']:
            print(f'  {name:<14}{value["rate"]:7.1%}  [{value["low"]:.1%}, {value["high"]:.1%}]  '
                  f'{value["hits"]}/{value["trials"]}')


if __name__ == '__main__':
    raise SystemExit(main())
