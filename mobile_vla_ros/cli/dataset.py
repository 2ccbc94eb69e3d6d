"""Verb `dataset`: recorded driving to what `train` takes."""

from pathlib import Path
import sys

from mobile_vla_ros.cli import one_line_errors, Parser

EXAMPLE = ("example: python -m mobile_vla_ros dataset build recordings/* --out out/dataset "
           "--instruction 'follow the corridor'")


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
    for kind in ('image', 'command', 'instruction'):
        build.add_argument(f'--{kind}-topic', help='where a bag has several')
    mend = actions.add_parser('repair', help='episodes of a recorder that was killed',
                              description='Make episodes whole that were not closed; the '
                              'original stays beside them as .damaged.')
    mend.add_argument('episodes', nargs='+', metavar='EPISODE', type=Path)
    return p


@one_line_errors
def main(argv=None) -> int:
    """Run the action; exit status 1 if something given was refused."""
    args = parser().parse_args(argv)
    refused = _build(args) if args.action == 'build' else _repair(args)
    for reason in refused:
        print(f'refused: {reason}', file=sys.stderr)
    return int(bool(refused))


def _build(args) -> list[str]:
    if args.processes < 1:
        raise ValueError(f'--processes must be 1 or more, got {args.processes}')
    from tqdm import tqdm
    from mobile_vla_ros.training.dataset import build
    topics = {kind: value for kind in ('image', 'command', 'instruction')
              if (value := getattr(args, f'{kind}_topic'))}
    with tqdm(total=len(args.bags), unit='bag', disable=None) as bar:
        rows = build(args.bags, args.out, args.instruction, args.processes, topics,
                     lambda row: bar.update())
    refused = [row['refused'] for row in rows if 'refused' in row]
    print(f'{args.out}: {sum(row.get("episodes", 0) for row in rows)} episodes, '
          f'{sum(row.get("frames", 0) for row in rows)} frames of {len(rows) - len(refused)} bags')
    return refused


def _repair(args) -> list[str]:
    from mobile_vla_ros.data.episode import EpisodeError, repair
    refused = []
    for folder in args.episodes:
        try:
            told = repair(folder)
            print(f'{folder}: {told["messages"]} messages, {told["seconds"]:g} s')
        except (EpisodeError, OSError) as error:
            refused.append(str(error))
    return refused


if __name__ == '__main__':
    raise SystemExit(main())
