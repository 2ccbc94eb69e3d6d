"""
Episodes in HDF5: `images` (n, height, width, 3) uint8 and `actions` (n, 3) m/s, m/s, rad/s.

The programs that record such files act first and take the picture afterwards. So the next action
belongs to a picture, and the first action and the last picture are left out. In files written
here each action already belongs to the picture in its row. They say so in the attribute
`pairing`, and they have `stamps_ns` (n,) too.
"""

from collections.abc import Iterable, Iterator
from math import isfinite
from pathlib import Path
from types import ModuleType
from typing import Any, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.formats import hdf5_layout
from mobile_vla_ros.data.formats.frame_times import check_times, nanoseconds, steady
from mobile_vla_ros.data.formats.imports import Frame, Options, ORDERS
from mobile_vla_ros.data.formats.source_files import SourceError
from mobile_vla_ros.environment.packages import missing

if TYPE_CHECKING:
    import h5py

WORDS = 'language_instruction'
SECONDS = 'total_duration'
ORDER = 'color_order'
PAIRING, ANSWERS = 'pairing', 'actions[i] answers images[i]'


def library() -> ModuleType:
    """
    Return h5py.

    :raises ValueError: if it is not installed; it says how to install it.
    """
    try:
        import h5py
    except ImportError as error:
        raise ValueError(f'HDF5 {missing(error)}') from error
    module: ModuleType = h5py
    return module


def frames(path: Path, options: Options) -> Iterator[Frame]:
    """
    Yield the frames of a file.

    :raises SourceError: if the file is not as wanted; it says what it has and what is wanted.
    """
    h5py = library()
    try:
        with h5py.File(path, 'r') as file:
            yield from _frames(path, h5py, file, options)
    except SourceError as error:
        raise error if str(path) in str(error) else SourceError(f'{path}: {error}') from error
    except (OSError, RuntimeError, LookupError, TypeError, ValueError, MemoryError) as error:
        raise SourceError(f'{path}: not a readable HDF5 file ({error!s:.300})') from error


def _frames(path: Path, h5py: ModuleType, file: 'h5py.File',
            options: Options) -> Iterator[Frame]:
    images, actions, stamps = hdf5_layout.arrays(h5py, file)
    times = _stamps(path, file, len(images), stamps, options)
    order = hdf5_layout.text(file, ORDER) or options.order
    if order not in ORDERS:
        raise SourceError(f'its {ORDER} is {order!r:.80}, wanted {" or ".join(ORDERS)}')
    instruction = hdf5_layout.text(file, WORDS)
    commands = actions[:]
    if hdf5_layout.text(file, PAIRING) != ANSWERS:
        commands, times = commands[1:], times[:-1]
    for i, stamp_ns in enumerate(times):
        try:
            pixels = images[i]
        except (OSError, RuntimeError) as error:
            raise SourceError(f'image {i} is damaged ({error})') from error
        forward, left, turn = map(float, commands[i])
        yield Frame(stamp_ns, pixels, (forward, left, turn), instruction, order, f'frame {i}')


def write(path: Path, pictures: Iterable[npt.NDArray[np.uint8]], stamps_ns: list[int],
          commands: npt.NDArray[np.floating[Any]], instruction: str) -> None:
    """
    Write an episode.

    :param pictures: RGB (height, width, 3), all of one size; as many as `stamps_ns`.
    :param commands: (n, 3), m/s, m/s, rad/s, the command that followed each picture.
    :raises ValueError: if a picture has another size than the first.
    """
    h5py = library()
    count = len(stamps_ns)
    with h5py.File(path, 'w') as file:
        images = None
        for i, rgb in enumerate(pictures):
            if images is None:
                images = file.create_dataset('images', (count, *rgb.shape), np.uint8,
                                             chunks=(1, *rgb.shape), compression='gzip',
                                             compression_opts=1)
            if rgb.shape != images.shape[1:]:
                raise ValueError(f'picture {i} is {rgb.shape[1]}x{rgb.shape[0]}, the first was '
                                 f'{images.shape[2]}x{images.shape[1]}: record with one size')
            images[i] = rgb
        file['actions'] = np.asarray(commands, np.float32)
        file['stamps_ns'] = np.asarray(stamps_ns, np.int64)
        file.attrs.update({
            'episode_name': path.stem, 'num_frames': count, WORDS: instruction, ORDER: 'rgb',
            SECONDS: (stamps_ns[-1] - stamps_ns[0]) / NS, PAIRING: ANSWERS})


def _stamps(path: Path, file: 'h5py.File', count: int, stamps: 'h5py.Dataset | None',
            options: Options) -> list[int]:
    """Return the times of the file, ns, or steady ones where it has none."""
    start = path.stat().st_mtime_ns
    length = hdf5_layout.seconds(file, SECONDS)
    if options.rate_hz:
        times = steady(start, count, options.rate_hz)
    elif stamps is not None:
        times = [nanoseconds(ns, 1) for ns in stamps[:].tolist() if isfinite(ns)]
        if len(times) < count:
            raise SourceError(f'{count - len(times)} of its {hdf5_layout.STAMPS} are not finite')
    elif length:
        times = steady(start, count, (count - 1) / length)
    else:
        raise SourceError(f'has no times (neither {hdf5_layout.STAMPS} nor {SECONDS}); give the '
                          'frames a second with --rate')
    check_times(path, times)
    return times
