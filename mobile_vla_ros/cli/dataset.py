"""Verb `dataset`: recorded driving to what `train` takes."""

import json
from pathlib import Path
import sys

from mobile_vla_ros.cli import one_line_errors, Parser

EXAMPLE = ("example: python -m mobile_vla_ros dataset build recordings/* --out out/dataset "
           "--instruction 'follow the corridor'")

IMPORT_EXAMPLE = ("example: python -m mobile_vla_ros dataset import tub_1 --out drives "
                  "--instruction 'follow the track'")


def parser() -> Parser:
    """Return the verb's arguments."""
    p = Parser(prog='python -m mobile_vla_ros dataset', description=__doc__, epilog=EXAMPLE)
    actions = p.add_subparsers(dest='action', required=True, parser_class=Parser)
    build = actions.add_parser('build', epilog=EXAMPLE, help='bags to features on disk',
                               description='Add bags to a dataset; what is in it stays.')
    build.add_argument('bags', nargs='+', metavar='BAG', type=Path,
                       help='rosbag2 folder, .mcap, .db3 or ROS 1 .bag')
    build.add_argument('--out', required=True, type=Path, help='folder of the dataset')
    build.add_argument('--instruction', help='of all bags, instead of what was recorded')
    build.add_argument('--processes', type=int, default=2)
    build.add_argument('--augment', choices=('recorded', 'close', 'medium', 'far'),
                       help='make 5 to 8 of every episode, by its distance')
    build.add_argument('--corrections', action='store_true',
                       help='learn only what an operator did who took over from a policy')
    for kind in ('image', 'command', 'instruction'):
        build.add_argument(f'--{kind}-topic', help='where a bag has several')
    doctor = actions.add_parser('doctor', help='are recordings fit to learn from',
                                description='Look through bags; exit status 1 if one is bad.')
    doctor.add_argument('bags', nargs='+', metavar='BAG', type=Path)
    doctor.add_argument('--json', type=Path, help='write every figure')
    doctor.add_argument('--html', type=Path, help='write a page')
    for kind in ('image', 'command', 'instruction'):
        doctor.add_argument(f'--{kind}-topic', help='where a bag has several')
    take = actions.add_parser('import', help='DonkeyCar tubs to bags', epilog=IMPORT_EXAMPLE,
                              description='Write tubs as episodes, which build and replay take.')
    take.add_argument('tubs', nargs='+', metavar='TUB', type=Path, help='folder of a tub')
    take.add_argument('--out', required=True, type=Path, help='folder for the episodes')
    take.add_argument('--instruction', required=True, help='what was driven, in words')
    take.add_argument('--rate', type=float, help='Hz, where the times in a tub are of no use')
    take.add_argument('--speed', type=float, default=1.0, help='m/s at full throttle')
    take.add_argument('--turn', type=float, default=1.0, help='rad/s at full angle')
    mend = actions.add_parser('repair', help='episodes of a recorder that was killed',
                              description='Make episodes whole that were not closed; the '
                              'original stays beside them as .damaged.')
    mend.add_argument('episodes', nargs='+', metavar='EPISODE', type=Path)
    return p


@one_line_errors
def main(argv=None) -> int:
    """Run the action; exit status 1 if something given was refused, or is bad."""
    args = parser().parse_args(argv)
    return {'build': _build, 'doctor': _doctor, 'import': _import,
            'repair': _repair}[args.action](args)


def _status(refused: list[str]) -> int:
    for reason in refused:
        print(f'refused: {reason}', file=sys.stderr)
    return int(bool(refused))


def _build(args) -> int:
    if args.processes < 1:
        raise ValueError(f'--processes must be 1 or more, got {args.processes}')
    from tqdm import tqdm
    from mobile_vla_ros.training.dataset import build
    with tqdm(total=len(args.bags), unit='bag', disable=None) as bar:
        rows = build(args.bags, args.out, args.instruction, args.processes, _topics(args),
                     lambda row: bar.update(), args.augment, args.corrections)
    refused = [row['refused'] for row in rows if 'refused' in row]
    print(f'{args.out}: {sum(row.get("episodes", 0) for row in rows)} episodes, '
          f'{sum(row.get("frames", 0) for row in rows)} frames of {len(rows) - len(refused)} bags')
    return _status(refused)


def _topics(args) -> dict:
    return {kind: value for kind in ('image', 'command', 'instruction')
            if (value := getattr(args, f'{kind}_topic'))}


def _doctor(args) -> int:
    from tqdm import tqdm
    from mobile_vla_ros.data.bags import Bag
    from mobile_vla_ros.data.doctor import BAD, balance, Checkup, examine, verdicts
    checkups = []
    for path in tqdm(args.bags, unit='bag', disable=None):
        try:
            with Bag(path, **_topics(args)) as bag:
                checkups.append(examine(bag))
        except (ValueError, OSError) as error:
            checkups.append(Checkup(path.name, refused=' '.join(str(error).split())))
    found = verdicts(checkups)
    for level, what, remedy in found:
        print(f'{level:<5}{what}; {remedy}')
    told = {'verdicts': [dict(zip(('level', 'found', 'remedy'), row)) for row in found],
            'balance': balance(checkups), 'recordings': [c.as_dict() for c in checkups]}
    if args.json:
        _write(args.json, json.dumps(told, ensure_ascii=False, indent=1))
    if args.html:
        from mobile_vla_ros.evaluate.doctor_page import page
        _write(args.html, page(checkups, found))
    return int(any(level == BAD for level, _, _ in found))


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')
    print(path)


def _import(args) -> int:
    for name in ('rate', 'speed', 'turn'):
        value = getattr(args, name)
        if value is not None and not 0 < value < 1000:
            raise ValueError(f'--{name} must be more than 0 and less than 1000, got {value:g}')
    from mobile_vla_ros.data.tub import import_tub
    refused = []
    for tub in args.tubs:
        try:
            told = import_tub(tub, args.out / tub.name, args.instruction, args.rate, args.speed,
                              args.turn)
            print(f'{told["episode"]}: {told["frames"]} frames, {told["seconds"]:g} s')
        except FileExistsError as error:
            refused.append(f'{error.filename} is there already; delete it to import it again')
        except (ValueError, OSError) as error:
            refused.append(' '.join(str(error).split()))
    return _status(refused)


def _repair(args) -> int:
    from mobile_vla_ros.data.episode import EpisodeError, repair
    refused = []
    for folder in args.episodes:
        try:
            told = repair(folder)
            print(f'{folder}: {told["messages"]} messages, {told["seconds"]:g} s')
        except (EpisodeError, OSError) as error:
            refused.append(str(error))
    return _status(refused)


if __name__ == '__main__':
    raise SystemExit(main())
