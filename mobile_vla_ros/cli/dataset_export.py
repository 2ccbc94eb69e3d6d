"""Action `dataset export`: bags to formats of other programs."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from mobile_vla_ros.cli import add_topics, report, topics_of
from mobile_vla_ros.environment import packages

EXAMPLE = 'example: python -m mobile_vla_ros dataset export drives/* --to lerobot --out out/mine'


def add(actions: Any) -> None:
    """Add the action's arguments."""
    p = actions.add_parser('export', help='bags to HDF5 or a LeRobot dataset', epilog=EXAMPLE,
                           description='Write what training would see of bags: every picture '
                           'with the command that answered it, and its instruction.')
    p.add_argument('bags', nargs='+', metavar='BAG', type=Path,
                   help='rosbag2 folder, .mcap, .db3 or ROS 1 .bag')
    p.add_argument('--to', required=True, choices=('hdf5', 'lerobot'),
                   help='hdf5: a file for each drive; lerobot: one dataset, format v3.0')
    p.add_argument('--out', required=True, type=Path, help='new folder')
    p.add_argument('--instruction', help='for all bags, instead of those that were recorded')
    p.add_argument('--fps', type=int, help='lerobot: frames a second (default: those of the '
                   'first drive)')
    add_topics(p)


def run(args: Namespace) -> int:
    """Export every bag; exit status 1 if one was refused."""
    packages.require(*packages.READ, 'tqdm')
    from tqdm import tqdm
    from mobile_vla_ros.data.formats.exports import export, open_target
    target = open_target(args.to, args.out, args.fps)
    with tqdm(total=len(args.bags), unit='bag', disable=None) as bar:
        refused = export(args.bags, target, args.instruction, topics_of(args), bar.update)
    if target.drives:
        print(f'{args.out}: {target.drives} drives, {target.frames} frames')
    for line in target.notes:
        print(line)
    return report(refused)
