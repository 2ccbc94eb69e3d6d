"""Recordings of other programs to episodes, so that all that reads bags reads them too."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from pathlib import Path
import shutil
from typing import NamedTuple

import numpy as np

from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.data.episode import EpisodeWriter

MOST_HZ = 100.0  # no camera of such robots is faster: beyond, the times were not those of frames
ORDERS = ('bgr', 'rgb')
BAGS = ('.mcap', '.db3', '.bag')


class SourceError(ValueError):
    """What was given cannot be imported; says which file, and why."""


@dataclass(frozen=True)
class Options:
    """What a file does not say of itself."""

    instruction: str | None = None  # instead of what is in the file
    rate_hz: float | None = None  # of the frames, where there are no times or wrong ones
    speed: float = 1.0  # m/s, of a linear value of 1
    turn: float = 1.0  # rad/s, of an angular value of 1
    order: str = 'bgr'  # of the colours in HDF5, where the file does not say

    def __post_init__(self):
        """Refuse what cannot be meant, by the name of its flag."""
        for name, value in (('rate', self.rate_hz), ('speed', self.speed), ('turn', self.turn)):
            if value is not None and not 0 < value < 1000:
                raise ValueError(f'--{name} must be more than 0 and less than 1000, got {value:g}')
        if self.instruction is not None and not self.instruction.strip():
            raise ValueError('--instruction must have words in it')
        if self.order not in ORDERS:
            raise ValueError(f'--order must be one of {", ".join(ORDERS)}, got {self.order!r}')


class Frame(NamedTuple):
    """One picture and what was driven from then on; values as in the file, forward and left +."""

    stamp_ns: int
    image: bytes | np.ndarray  # a JPEG or PNG, or pixels uint8 (height, width, 3)
    command: tuple[float, float, float]
    instruction: str | None = None  # None: the file has no words
    order: str = 'rgb'  # of pixels


# A module each with frames(path, options) -> Iterable[Frame], which checks before it yields.
KINDS = {'tub': 'mobile_vla_ros.data.tub', 'csv': 'mobile_vla_ros.data.table',
         'hdf5': 'mobile_vla_ros.data.hdf5'}


def kind_of(path: Path) -> str:
    """
    Return the kind, of KINDS, of what is at `path`.

    :raises FileNotFoundError: if nothing is.
    :raises SourceError: saying what else it is, or what can be imported.
    """
    if not path.exists():
        raise FileNotFoundError(f'nothing at {path}')
    if path.suffix in BAGS or (path / 'metadata.yaml').exists():
        raise SourceError(f'{path}: a bag needs no import; build, doctor and replay read it')
    if path.is_dir():
        return 'tub'
    if '.tar' in path.suffixes or path.suffix in ('.tgz', '.zip'):
        raise SourceError(f'{path}: unpack it and give the folder in it')
    kinds = {'.csv': 'csv', '.h5': 'hdf5', '.hdf5': 'hdf5'}
    if path.suffix.lower() not in kinds:
        raise SourceError(f'{path}: nothing that can be imported: the folder of a DonkeyCar '
                            'tub, a .csv beside its images, or .h5')
    return kinds[path.suffix.lower()]


def import_episode(path: Path, out: Path, options: Options) -> dict:
    """
    Write what is at `path` as an episode in the folder `out`; return its frames and seconds.

    :raises SourceError: naming what is wrong; then nothing is written.
    :raises FileExistsError: if `out` is there already.
    """
    kind = kind_of(path)
    frames = iter(import_module(KINDS[kind]).frames(path, options))
    first = next(frames)
    if options.instruction is None and first.instruction is None:
        raise SourceError(f'{path}: has no words for what was driven; give them with '
                            '--instruction')
    writer = EpisodeWriter(out, {'instruction': options.instruction or first.instruction,
                                 'source': f'{kind} {path.name}'})
    try:
        _write(writer, chain([first], frames), options)
    except BaseException:
        shutil.rmtree(out)
        raise
    writer.close()
    return {'episode': str(out), 'frames': writer.counts['/cmd_vel'],
            'seconds': round(writer.seconds, 2)}


def steady(path: Path, count: int, rate_hz: float) -> list[int]:
    """Return the times, ns, of `count` frames; they begin at the file's own time."""
    start = path.stat().st_mtime_ns
    return [start + round(i * NS / rate_hz) for i in range(count)]


def check_times(path: Path, stamps: list[int]) -> None:
    """
    Check times in ns.

    :raises SourceError: if they go back, or no camera can have had them.
    """
    steps = np.diff(stamps)
    if len(steps) and steps.min() < 0:
        raise SourceError(f'{path}: its times go back after frame {int(steps.argmin()) + 1}; '
                            'sort it, or give the true rate with --rate')
    seconds = (stamps[-1] - stamps[0]) / NS
    if len(steps) and len(steps) / max(seconds, 1e-9) > MOST_HZ:
        raise SourceError(f'{path}: its times say {len(stamps)} frames in {seconds:.2f} s; '
                            'give the true rate with --rate')


def _write(writer: EpisodeWriter, frames: Iterable[Frame], options: Options) -> None:
    from rosbags.typesys import get_typestore, Stores
    store = get_typestore(Stores.ROS2_HUMBLE)
    channels = {}

    def write(name, kind, ns, **fields):
        if name not in channels:
            channels[name] = writer.topic(name, kind,
                                          store.generate_msgdef(kind, ros_version=2)[0])
        msg = store.types[kind](**fields)
        writer.write(channels[name], ns, bytes(store.serialize_cdr(msg, kind)))

    def header(ns):
        stamp = store.types['builtin_interfaces/msg/Time'](sec=ns // NS, nanosec=ns % NS)
        return store.types['std_msgs/msg/Header'](stamp=stamp, frame_id='camera')
    vector = store.types['geometry_msgs/msg/Vector3']
    said = None
    for frame in frames:
        at = frame.stamp_ns
        words = frame.instruction if options.instruction is None else options.instruction
        if words != said:
            said = words
            write('/instruction', 'std_msgs/msg/String', at, data=said)
        if isinstance(frame.image, bytes):
            write('/image/compressed', 'sensor_msgs/msg/CompressedImage', at, header=header(at),
                  format='png' if frame.image[:4] == b'\x89PNG' else 'jpeg',
                  data=np.frombuffer(frame.image, np.uint8))
        else:
            height, width, _ = frame.image.shape
            write('/image', 'sensor_msgs/msg/Image', at, header=header(at), height=height,
                  width=width, encoding=f'{frame.order}8', is_bigendian=0, step=3 * width,
                  data=np.ascontiguousarray(frame.image).reshape(-1))
        x, y, z = frame.command
        command = Command(options.speed * x, options.speed * y, options.turn * z)
        write('/cmd_vel', 'geometry_msgs/msg/Twist', at,
              linear=vector(command.linear_x, command.linear_y, 0.0),
              angular=vector(0.0, 0.0, command.angular_z))
