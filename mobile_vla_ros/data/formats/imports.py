"""Recordings of other programs to episodes, so that all that reads bags reads them too."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
import math
from pathlib import Path
import shutil
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from mobile_vla_ros.contract import CAMERA_FRAME, Command, NS
from mobile_vla_ros.data.episode import EpisodeWriter
from mobile_vla_ros.data.formats.source_files import SourceError
from mobile_vla_ros.data.formats.source_kinds import kind_of
from mobile_vla_ros.errors import MessageError
from mobile_vla_ros.images.decode import decode

ORDERS = ('bgr', 'rgb')
FASTEST = 1000.0  # m/s, rad/s: no base does this, so that it was no command
LOOKED_AT = 16  # px of a picture that are enough to see whether it can be read


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
    command: tuple[float, float, float]  # not finite where the file has none
    instruction: str | None = None  # None: the file has no words
    order: str = 'rgb'  # of pixels
    place: str = ''  # in the file
    mode: str = ''  # who drove, where the file says it


# A module each with frames(path, options) -> Iterable[Frame], which checks before it yields.
KINDS = {'tub': 'mobile_vla_ros.data.formats.donkeycar',
         'csv': 'mobile_vla_ros.data.formats.csv_table',
         'hdf5': 'mobile_vla_ros.data.formats.hdf5'}


class Usable:
    """The frames of a source that can be learned from; counts the others, by what is wrong."""

    def __init__(self, frames, options: Options):
        """Take the frames as they come from a file."""
        self._frames, self._options = frames, options
        self.read = 0
        self.modes = Counter()  # of the usable frames
        self._wrong = {}  # what -> [frames, the first one]

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._frames:
            self.read += 1
            frame = frame._replace(command=self._scaled(frame.command))
            wrong = self._fault(frame)
            if wrong:
                what, told = wrong
                self._wrong.setdefault(what, [0, f'{frame.place}: {told}'])[0] += 1
            else:
                self.modes[frame.mode] += 1
                yield frame

    @property
    def left_out(self) -> str:
        """Return in words what was left out; empty if nothing was."""
        return ', '.join(f'{count} {what} (first: {first})'
                         for what, (count, first) in self._wrong.items())

    def _scaled(self, command) -> Command:
        x, y, z = command
        return Command(self._options.speed * x, self._options.speed * y, self._options.turn * z)

    def _fault(self, frame) -> tuple[str, str] | None:
        """Return what is wrong with a frame, and the details."""
        if not all(math.isfinite(value) and abs(value) < FASTEST for value in frame.command):
            driver = f', driven in mode {frame.mode!r:.40}' if frame.mode else ''
            return 'without a command', f'{tuple(frame.command)}{driver}'
        if isinstance(frame.image, bytes):
            try:
                decode(SimpleNamespace(data=frame.image, format=''), LOOKED_AT)
            except MessageError as error:
                return 'whose picture cannot be read', str(error) if frame.image else '0 bytes'
        return None


def import_episode(path: Path, out: Path, options: Options) -> dict:
    """
    Write what is at `path` as an episode in the folder `out`.

    :returns: its frames and seconds; how many frames were read, what was left_out of them in
        words, and how many there are of every mode of driving.
    :raises SourceError: naming what is wrong; then nothing is written.
    :raises FileExistsError: if `out` is there already.
    """
    kind = kind_of(path)
    usable = Usable(import_module(KINDS[kind]).frames(path, options), options)
    frames = iter(usable)
    first = next(frames, None)
    if first is None:
        raise SourceError(f'{path}: none of its {usable.read} frames can be used: '
                          f'{usable.left_out}')
    if options.instruction is None and first.instruction is None:
        raise SourceError(f'{path}: has no words for what was driven; give them with '
                          '--instruction')
    writer = EpisodeWriter(out, {'instruction': options.instruction or first.instruction,
                                 'source': f'{kind} {path.name}'})
    try:
        _write(writer, chain([first], frames), options.instruction)
    except BaseException:
        shutil.rmtree(out)
        raise
    modes = {mode: count for mode, count in sorted(usable.modes.items()) if mode}
    noted = {'left_out': usable.left_out, 'driven_by': ', '.join(
        f'{mode} {count}' for mode, count in modes.items())}
    writer.close({name: text for name, text in noted.items() if text})
    return {'episode': str(out), 'frames': writer.counts['/cmd_vel'], 'read': usable.read,
            'seconds': round(writer.seconds, 2), 'left_out': usable.left_out, 'modes': modes}


def _write(writer: EpisodeWriter, frames: Iterator[Frame], instruction: str | None) -> None:
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
        return store.types['std_msgs/msg/Header'](stamp=stamp, frame_id=CAMERA_FRAME)
    vector = store.types['geometry_msgs/msg/Vector3']
    said = None
    for frame in frames:
        at = frame.stamp_ns
        words = frame.instruction if instruction is None else instruction
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
        command = frame.command
        write('/cmd_vel', 'geometry_msgs/msg/Twist', at,
              linear=vector(command.linear_x, command.linear_y, 0.0),
              angular=vector(0.0, 0.0, command.angular_z))
