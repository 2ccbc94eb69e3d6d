"""
Episodes in HDF5: `images` (n, height, width, 3) uint8 and `actions` (n, 3) m/s, m/s, rad/s.

Such files were recorded by acting first and taking the picture then, so that what answers a
picture is the next action: the first action and the last picture are left out. Files written
here pair them already and say so by the attribute `pairing`; they have `stamps_ns` (n,) too.
"""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path

import numpy as np

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.formats import hdf5_layout
from mobile_vla_ros.data.formats.frame_times import check_times, nanoseconds, steady
from mobile_vla_ros.data.formats.imports import Frame, Options, ORDERS
from mobile_vla_ros.data.formats.source_files import SourceError
from mobile_vla_ros.environment.packages import missing

WORDS = 'language_instruction'
SECONDS = 'total_duration'
ORDER = 'color_order'
PAIRING, ANSWERS = 'pairing', 'actions[i] answers images[i]'


def library():
    """
    Return h5py.

    :raises ValueError: saying how it is installed, if it is not.
    """
    try:
        import h5py
    except ImportError as error:
        raise ValueError(f'HDF5 {missing(error)}') from error
    return h5py


def frames(path: Path, options: Options) -> Iterator[Frame]:
    """
    Yield the frames of a file.

    :raises SourceError: naming what it has and what is wanted.
    """
    h5py = library()
    try:
        with h5py.File(path, 'r') as file:
            yield from _frames(path, h5py, file, options)
    except SourceError as error:
        raise error if str(path) in str(error) else SourceError(f'{path}: {error}') from error
    except (OSError, RuntimeError, LookupError, TypeError, ValueError, MemoryError) as error:
        raise SourceError(f'{path}: not a readable HDF5 file ({error!s:.300})') from error


def _frames(path, h5py, file, options) -> Iterator[Frame]:
    images, actions, stamps = hdf5_layout.arrays(h5py, file)
    times = _stamps(path, file, len(images), stamps, options)
    told = hdf5_layout.text(file, ORDER) or options.order
    if told not in ORDERS:
        raise SourceError(f'its {ORDER} is {told!r:.80}, wanted {" or ".join(ORDERS)}')
    words = hdf5_layout.text(file, WORDS)
    commands = actions[:]
    if hdf5_layout.text(file, PAIRING) != ANSWERS:
        commands, times = commands[1:], times[:-1]
    for i, stamp_ns in enumerate(times):
        try:
            pixels = images[i]
        except (OSError, RuntimeError) as error:
            raise SourceError(f'image {i} is damaged ({error})') from error
        yield Frame(stamp_ns, pixels, tuple(map(float, commands[i])), words, told, f'frame {i}')


def write(path: Path, pictures, stamps_ns: list[int], commands: np.ndarray,
          instruction: str) -> None:
    """
    Write an episode.

    :param pictures: yields RGB uint8 (height, width, 3), all of one size; as many as `stamps_ns`.
    :param commands: (n, 3), what answers each picture.
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


def _stamps(path, file, count, stamps, options) -> list[int]:
    """Return the times that the file has, or steady ones."""
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
