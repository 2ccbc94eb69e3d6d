"""Action `dataset import`: recordings of other programs to episodes."""

from argparse import Namespace
from pathlib import Path
from shutil import rmtree
from typing import Any, TYPE_CHECKING

from mobile_vla_ros.cli import report
from mobile_vla_ros.environment import packages

if TYPE_CHECKING:
    from mobile_vla_ros.data.formats.imports import Options

EXAMPLE = ("example: python -m mobile_vla_ros dataset import tub_1 --out drives "
           "--instruction 'follow the track'")


def add(actions: Any) -> None:
    """Add the action's arguments."""
    p = actions.add_parser('import', help='DonkeyCar tubs, CSV and HDF5 to bags', epilog=EXAMPLE,
                           description='Write recordings of other programs as episodes, which '
                           'build, doctor and replay take.')
    p.add_argument('sources', nargs='+', metavar='SOURCE', type=Path,
                   help='folder of a DonkeyCar tub; .csv with the columns image, linear_x, '
                   'angular_z (and linear_y, time_s, instruction); .h5 with images and actions')
    p.add_argument('--out', required=True, type=Path, help='folder for the episodes')
    p.add_argument('--instruction', help='the task in words, instead of those in a file')
    p.add_argument('--rate', type=float, help='frames a second, where times are missing or '
                   'wrong')
    p.add_argument('--speed', type=float, default=1.0,
                   help='m/s that 1 stands for; in a tub: full throttle')
    p.add_argument('--turn', type=float, default=1.0,
                   help='rad/s that 1 stands for; in a tub: full angle')
    p.add_argument('--order', default='bgr', help='order of the colours in HDF5, where the file '
                   'does not say it: bgr or rgb')


def run(args: Namespace) -> int:
    """Import every source; exit status 1 if one was refused."""
    packages.require(*packages.RECORD)
    from mobile_vla_ros.data.formats.imports import Options
    options = Options(args.instruction, args.rate, args.speed, args.turn, args.order)
    refused: list[str] = []
    imported: dict[str, Path] = {}
    for source in args.sources:
        name = source.resolve().name if source.is_dir() else source.stem
        if name in imported:
            refused.append(f'{source}: {imported[name]} has the same name; import it with another '
                           '--out')
            continue
        try:
            summary = _import(source, args.out / name, options)
            imported[name] = source
            print(line(summary))
        except FileExistsError as error:
            refused.append(f'{error.filename} is there already; delete it to import it again')
        except (ValueError, OSError) as error:
            refused.append(str(error))
    if len(args.sources) > 1:
        print(f'{args.out}: imported {len(imported)} of {len(args.sources)} sources')
    return report(refused)


def _import(source: Path, out: Path, options: 'Options') -> dict[str, Any]:
    """Import one source; HDF5 in a process of its own, because damaged files crash its library."""
    from mobile_vla_ros.data.formats.imports import import_episode
    from mobile_vla_ros.data.formats.source_kinds import FILES
    if FILES.get(source.suffix.lower()) != 'hdf5' or not source.is_file():
        return import_episode(source, out, options)
    from concurrent.futures.process import BrokenProcessPool
    from mobile_vla_ros.parallel import alone
    existed = out.exists()
    try:
        return alone(import_episode, source, out, options)
    except BrokenProcessPool as error:
        if not existed:
            rmtree(out, ignore_errors=True)
        raise ValueError(f"{source}: damaged; HDF5's library crashes on it") from error


def line(summary: dict[str, Any]) -> str:
    """Return a line about an episode that `import_episode` has imported."""
    out = f'{summary["episode"]}: '
    if summary['left_out']:
        out += f'{summary["frames"]} of {summary["read"]} frames, {summary["seconds"]:g} s; ' \
            f'left out: {summary["left_out"]}'
    else:
        out += f'{summary["frames"]} frames, {summary["seconds"]:g} s'
    if set(summary['modes']) - {'user'}:
        out += '; driven by ' + ', '.join(f'{mode!r:.40} {count}'
                                          for mode, count in summary['modes'].items())
    return out
