"""Verb `dataset`: make a dataset of recorded driving for `train`, and look after it."""

from argparse import Namespace
import os
from pathlib import Path
import sys
from typing import TYPE_CHECKING

from mobile_vla_ros.cli import (add_topics, dataset_export, dataset_import, one_line_errors,
                                Parser, report, save, topics_of)
from mobile_vla_ros.contract import DISTANCES
from mobile_vla_ros.environment import packages
from mobile_vla_ros.errors import one_line
from mobile_vla_ros.report.words import first_of

if TYPE_CHECKING:
    from mobile_vla_ros.training.manifest import Manifest

FEW = 5000  # frames, a quarter of an hour at five a second
BAGS = 'rosbag2 folder, .mcap, .db3 or ROS 1 .bag; or a folder of episodes'
EXAMPLE = ("example: python -m mobile_vla_ros dataset build recordings/* --out out/dataset "
           "--instruction 'follow the corridor'")
DOCTOR = 'example: python -m mobile_vla_ros dataset doctor drives --html out/doctor.html'
LIST = 'example: python -m mobile_vla_ros dataset list out/dataset'
REMOVE = 'example: python -m mobile_vla_ros dataset remove out/dataset 2026-11-23_10-00-00'
REPAIR = 'example: python -m mobile_vla_ros dataset repair drives/2026-11-23_10-00-00'


def parser() -> Parser:
    """Return the verb's arguments."""
    p = Parser(prog='python -m mobile_vla_ros dataset', description=__doc__, epilog=EXAMPLE)
    actions = p.add_subparsers(dest='action', required=True, parser_class=Parser)
    build = actions.add_parser('build', epilog=EXAMPLE, help='add bags to a dataset',
                               description='Add bags to a dataset; what is in it stays. A bag '
                               'that is built again, with another instruction or other options, '
                               'replaces its earlier episodes.')
    build.add_argument('bags', nargs='+', metavar='BAG', type=Path, help=BAGS)
    build.add_argument('--out', required=True, type=Path, help='folder of the dataset')
    build.add_argument('--instruction', help='for all bags, instead of those that were recorded')
    build.add_argument('--processes', type=int, default=os.cpu_count() or 1,
                       help='bags read at once')
    build.add_argument('--augment', choices=('recorded', *DISTANCES),
                       help='make 5 to 8 of every episode, by its distance')
    build.add_argument('--every-frame', action='store_true',
                       help='learn from every frame, not from five a second: for few recordings')
    build.add_argument('--pictures', action='store_true', help='keep the resized pictures too, as '
                       'NAME.images.npy, for an encoder of your own')
    build.add_argument('--corrections', action='store_true',
                       help='learn only from the moments in which an operator overrode a policy')
    build.add_argument('--no-mirror', dest='mirror', action='store_false',
                       help='add no mirror images; for a task that has a side, such as always '
                       'searching to the left')
    add_topics(build)
    listed = actions.add_parser('list', epilog=LIST, help='what a dataset holds',
                                description='Show every recording of a dataset.')
    listed.add_argument('dataset', type=Path, metavar='DATASET', help='its folder')
    listed.add_argument('--json', type=Path, help='write the entries as JSON')
    gone = actions.add_parser('remove', epilog=REMOVE, help='take recordings out of a dataset',
                              description='Take recordings out of a dataset; bags stay.')
    gone.add_argument('dataset', type=Path, metavar='DATASET', help='its folder')
    gone.add_argument('names', nargs='+', metavar='NAME',
                      help='name of a recording as `list` shows it, or the beginning of its '
                      'digest')
    doctor = actions.add_parser('doctor', epilog=DOCTOR,
                                help='check whether recordings are fit to learn from',
                                description='Check bags; exit status 1 if one is bad.')
    doctor.add_argument('bags', nargs='+', metavar='BAG', type=Path, help=BAGS)
    doctor.add_argument('--json', type=Path, help='write every figure as JSON')
    doctor.add_argument('--html', type=Path, help='write a page')
    add_topics(doctor, 'image', 'command', 'instruction', 'odometry')
    dataset_import.add(actions)
    dataset_export.add(actions)
    mend = actions.add_parser('repair', epilog=REPAIR,
                              help='mend episodes whose recorder was killed',
                              description='Mend episodes that were not closed; the original '
                              'stays beside them as .damaged.')
    mend.add_argument('episodes', nargs='+', metavar='EPISODE', type=Path)
    return p


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    """Run the action; return 1 if a bag was refused or is bad."""
    args = parser().parse_args(argv)
    return {'build': _build, 'list': _list, 'remove': _remove, 'doctor': _doctor,
            'import': dataset_import.run, 'repair': _repair,
            'export': dataset_export.run}[args.action](args)


def _bags(args: Namespace) -> list[Path]:
    """Return the bags that were named, and those in folders that were named."""
    from mobile_vla_ros.data.bag_paths import bags_in
    return [bag for path in args.bags for bag in bags_in(path)]


def _build(args: Namespace) -> int:
    if args.processes < 1:
        raise ValueError(f'--processes must be 1 or more, got {args.processes}')
    packages.require(*packages.ENCODE, *packages.READ, 'tqdm')
    from tqdm import tqdm
    from mobile_vla_ros.training.dataset import build
    bags = _bags(args)
    with tqdm(total=len(bags), unit='bag', disable=None) as bar:
        rows = build(bags, args.out, args.instruction, args.processes, topics_of(args),
                     lambda row: bar.update(), args.augment, args.corrections, args.every_frame,
                     args.pictures, args.mirror)
    refused = [row['refused'] for row in rows if 'refused' in row]
    episodes, frames, pictures, seconds = (sum(row.get(key, 0) for row in rows)
                                           for key in ('episodes', 'frames', 'read', 'seconds'))
    print(f'{args.out}: {episodes} episodes, {frames} frames of {len(rows) - len(refused)} bags, '
          f'in which {pictures} were read; {seconds:.1f} s of driving')
    alone = sum(row.get('unmirrored', 0) for row in rows)
    if alone:
        print(f'{alone} episodes are not mirrored: their words may name a side that cannot be '
              'exchanged; `dataset doctor --json` lists them all')
    for row in rows:
        for words in filter(None, (row.get('pictures'), *row.get('told', ()))):
            print(f'{row["bag"]}: {words}')
    if 0 < frames < FEW and not args.every_frame:
        print('few frames: build again with --every-frame to learn from all that were recorded, '
              'not from five a second')
    return report(refused)


def _manifest(folder: Path) -> 'Manifest':
    from mobile_vla_ros.training.manifest import Manifest, NAME
    if not (folder / NAME).exists():
        raise FileNotFoundError(f'{folder} is no dataset: it has no {NAME}; `dataset build` '
                                'makes one')
    return Manifest(folder)


def _list(args: Namespace) -> int:
    manifest = _manifest(args.dataset)
    rows = sorted(manifest.entries.items(), key=lambda item: (item[1]['name'], item[0]))
    width = max([9, *(len(entry['name']) for _, entry in rows)])
    print(f'{"recording":<{width}}  digest    episodes  frames  seconds  words')
    for digest, entry in rows:
        options = [name.replace('_', '-') for name in ('corrections', 'every_frame')
                   if entry['settings'][name]]
        options += ['no-mirror'] * (not entry['settings']['mirror'])
        options += [f'augment {entry["settings"]["augment"]}'] * bool(entry['settings']['augment'])
        words = entry['instructions']
        print(f'{entry["name"]:<{width}}  {digest[:8]}  {entry["episodes"]:8}  '
              f'{entry["frames"]:6}  {entry["seconds"]:7.1f}  {first_of(words, between="; ")}'
              f'{"  [" + ", ".join(options) + "]" if options else ""}')
    for name in manifest.unlisted():
        print(f'{args.dataset}: {name} is not in the manifest; training leaves it out',
              file=sys.stderr)
    if args.json:
        save(args.json, manifest.entries)
    return 0


def _remove(args: Namespace) -> int:
    from mobile_vla_ros.training.manifest import locked
    with locked(_manifest(args.dataset).folder):
        for entry in _manifest(args.dataset).remove(args.names):
            print(f'removed {entry["name"]}: {entry["episodes"]} episodes, '
                  f'{entry["frames"]} frames')
    return 0


def _doctor(args: Namespace) -> int:
    packages.require(*packages.READ, 'tqdm', *(('matplotlib',) if args.html else ()))
    from tqdm import tqdm
    from mobile_vla_ros.data.balance import balance, histograms
    from mobile_vla_ros.data.bags import Bag
    from mobile_vla_ros.data.checkup import Checkup, examine
    from mobile_vla_ros.data.doctor import BAD, verdicts
    from mobile_vla_ros.sides import mirrored, UNSURE
    from mobile_vla_ros.training.manifest import content_digest
    checkups: list[Checkup] = []
    seen: dict[str, Path] = {}
    for path in tqdm(_bags(args), unit='bag', disable=None):
        try:
            digest = content_digest(path)
            if digest in seen:
                print(f'{path} is the same recording as {seen[digest]}, and counts once')
                continue
            seen[digest] = path
            with Bag(path, **topics_of(args)) as bag:
                checkups.append(examine(bag))
        except (ValueError, OSError) as error:
            reason = one_line(getattr(error, 'found', error), None)
            checkups.append(Checkup(path.name, path=str(path), refused=reason, remedy=getattr(
                error, 'remedy', '') or 'leave it out'))
    findings, counts = verdicts(checkups), balance(checkups)
    for finding in findings:
        print(f'{finding.level:<5}{finding.found}; {finding.remedy}')
    if args.json:
        save(args.json, {
            'verdicts': [dict(zip(('level', 'found', 'remedy'), row)) for row in findings],
            'balance': counts, 'histograms': histograms(checkups),
            'recordings': [c.as_dict() for c in checkups],
            'not_mirrored': [text for text in counts['instructions']
                             if mirrored(text).kind == UNSURE]})
    if args.html:
        from mobile_vla_ros.data.doctor_page import page
        save(args.html, page(checkups, findings, args.html.parent))
    return int(any(finding.level == BAD for finding in findings))


def _repair(args: Namespace) -> int:
    packages.require(*packages.RECORD)
    from mobile_vla_ros.data.repair import EpisodeError, repair
    refused = []
    for folder in args.episodes:
        try:
            summary = repair(folder)
            more = [*(f'left out: {what}' for what in summary['left_out']),
                    *(f'the original is {name}' for name in summary['kept'])]
            print('; '.join([f'{folder}: {summary["messages"]} messages, '
                             f'{summary["seconds"]:g} s', *more]))
        except (EpisodeError, OSError) as error:
            refused.append(str(error))
    return report(refused)


if __name__ == '__main__':
    raise SystemExit(main())
