"""Turn recordings of other programs into episodes, which everything that reads bags can read."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
import math
from pathlib import Path
import shutil
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mobile_vla_ros.contract import CAMERA_FRAME, Command, NS
from mobile_vla_ros.data.episode import EpisodeWriter
from mobile_vla_ros.data.formats.source_files import SourceError
from mobile_vla_ros.data.formats.source_kinds import kind_of
from mobile_vla_ros.errors import MessageError
from mobile_vla_ros.images.decode import decode

ORDERS = ('bgr', 'rgb')
FASTEST = 1000.0  # m/s, rad/s: no base is so fast, so such a value was not a command
LOOKED_AT = 16  # px: a picture decoded this small already shows whether it can be read


@dataclass(frozen=True)
class Options:
    """What the user says about a file, because the file itself may not say it."""

    instruction: str | None = None  # replaces those in the file
    rate_hz: float | None = None  # of the frames, where the file has no times or wrong ones
    speed: float = 1.0  # m/s that a linear value of 1 stands for
    turn: float = 1.0  # rad/s that an angular value of 1 stands for
    order: str = 'bgr'  # of the colours in HDF5, where the file does not say it

    def __post_init__(self) -> None:
        """Refuse values that nobody can mean; the error names the command line option."""
        for name, value in (('rate', self.rate_hz), ('speed', self.speed), ('turn', self.turn)):
            if value is not None and not 0 < value < 1000:
                raise ValueError(f'--{name} must be more than 0 and less than 1000, got {value:g}')
        if self.instruction is not None and not self.instruction.strip():
            raise ValueError('--instruction must have words in it')
        if self.order not in ORDERS:
            raise ValueError(f'--order must be one of {", ".join(ORDERS)}, got {self.order!r}')


class Frame(NamedTuple):
    """One picture and the command that followed it, in the units of the file."""

    stamp_ns: int
    image: bytes | npt.NDArray[np.uint8]  # a JPEG or PNG, or pixels uint8 (height, width, 3)
    command: tuple[float, float, float]  # forward, left, turn to the left; NaN where unknown
    instruction: str | None = None  # None: the file has none
    order: str = 'rgb'  # of the colours, where the image is pixels
    place: str = ''  # where it is in the file
    mode: str = ''  # who drove, if the file says it


# Each module has frames(path, options) -> Iterator[Frame], which checks before it yields.
KINDS = {'tub': 'mobile_vla_ros.data.formats.donkeycar',
         'csv': 'mobile_vla_ros.data.formats.csv_table',
         'hdf5': 'mobile_vla_ros.data.formats.hdf5'}


class Usable:
    """Yields the frames of a source that are fit to learn from, and counts the others by fault."""

    def __init__(self, frames: Iterable[Frame], options: Options) -> None:
        """Take the frames as a file yields them."""
        self._frames, self._options = frames, options
        self.read = 0
        self.modes: Counter[str] = Counter()  # of the usable frames
        self._counts: Counter[str] = Counter()  # fault -> frames that have it
        self._firsts: dict[str, str] = {}  # fault -> the first such frame, in words

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._frames:
            self.read += 1
            frame = frame._replace(command=self._scaled(frame.command))
            fault = self._fault(frame)
            if fault:
                what, details = fault
                self._counts[what] += 1
                self._firsts.setdefault(what, f'{frame.place}: {details}')
            else:
                self.modes[frame.mode] += 1
                yield frame

    @property
    def left_out(self) -> str:
        """Return in words what was left out; an empty text if nothing was."""
        return ', '.join(f'{count} {what} (first: {self._firsts[what]})'
                         for what, count in self._counts.items())

    def _scaled(self, command: tuple[float, float, float]) -> Command:
        x, y, z = command
        return Command(self._options.speed * x, self._options.speed * y, self._options.turn * z)

    def _fault(self, frame: Frame) -> tuple[str, str] | None:
        """Return what is wrong with a frame, and the details; None if nothing is."""
        if not all(math.isfinite(value) and abs(value) < FASTEST for value in frame.command):
            driver = f', driven in mode {frame.mode!r:.40}' if frame.mode else ''
            return 'without a command', f'{tuple(frame.command)}{driver}'
        if isinstance(frame.image, bytes):
            try:
                decode(SimpleNamespace(data=frame.image, format=''), LOOKED_AT)
            except MessageError as error:
                return 'whose picture cannot be read', str(error) if frame.image else '0 bytes'
        return None


def import_episode(path: Path, out: Path, options: Options) -> dict[str, Any]:
    """
    Write what is at `path` as an episode in the folder `out`.

    :returns: the `episode`, its `frames` and `seconds`; how many frames were `read`; what was
        `left_out`, in words; the frames of every mode of driving in `modes`.
    :raises SourceError: if it cannot be imported; it says why, and nothing is written.
    :raises FileExistsError: if `out` already exists.
    """
    kind = kind_of(path)
    usable = Usable(import_module(KINDS[kind]).frames(path, options), options)
    frames = iter(usable)
    first = next(frames, None)
    if first is None:
        raise SourceError(f'{path}: none of its {usable.read} frames can be used: '
                          f'{usable.left_out}')
    instruction = first.instruction if options.instruction is None else options.instruction
    if instruction is None:
        raise SourceError(f'{path}: has no words for what was driven; give them with '
                          '--instruction')
    writer = EpisodeWriter(out, {'instruction': instruction,
                                 'source': f'{kind} {path.name}'})
    try:
        _write(writer, chain([first], frames), options.instruction)
    except BaseException:
        shutil.rmtree(out)
        raise
    modes = {mode: count for mode, count in sorted(usable.modes.items()) if mode}
    notes = {'left_out': usable.left_out, 'driven_by': ', '.join(
        f'{mode} {count}' for mode, count in modes.items())}
    writer.close({name: text for name, text in notes.items() if text})
    return {'episode': str(out), 'frames': writer.counts['/cmd_vel'], 'read': usable.read,
            'seconds': round(writer.seconds, 2), 'left_out': usable.left_out, 'modes': modes}


def _write(writer: EpisodeWriter, frames: Iterator[Frame], instruction: str | None) -> None:
    """Write the messages of every frame; `instruction` replaces those of the frames."""
    from rosbags.typesys import get_typestore, Stores
    store = get_typestore(Stores.ROS2_HUMBLE)
    channels: dict[str, int] = {}

    def write(name: str, kind: str, ns: int, **fields: Any) -> None:
        if name not in channels:
            channels[name] = writer.topic(name, kind,
                                          store.generate_msgdef(kind, ros_version=2)[0])
        msg = store.types[kind](**fields)
        writer.write(channels[name], ns, bytes(store.serialize_cdr(msg, kind)))

    def header(ns: int) -> Any:
        stamp = store.types['builtin_interfaces/msg/Time'](sec=ns // NS, nanosec=ns % NS)
        return store.types['std_msgs/msg/Header'](stamp=stamp, frame_id=CAMERA_FRAME)
    vector = store.types['geometry_msgs/msg/Vector3']
    current = None
    for frame in frames:
        at = frame.stamp_ns
        wanted = frame.instruction if instruction is None else instruction
        if wanted != current:
            current = wanted
            write('/instruction', 'std_msgs/msg/String', at, data=current)
        if isinstance(frame.image, bytes):
            write('/image/compressed', 'sensor_msgs/msg/CompressedImage', at, header=header(at),
                  format='png' if frame.image[:4] == b'\x89PNG' else 'jpeg',
                  data=np.frombuffer(frame.image, np.uint8))
        else:
            height, width, _ = frame.image.shape
            write('/image', 'sensor_msgs/msg/Image', at, header=header(at), height=height,
                  width=width, encoding=f'{frame.order}8', is_bigendian=0, step=3 * width,
                  data=np.ascontiguousarray(frame.image).reshape(-1))
        forward, left, turn = frame.command
        write('/cmd_vel', 'geometry_msgs/msg/Twist', at,
              linear=vector(forward, left, 0.0), angular=vector(0.0, 0.0, turn))
