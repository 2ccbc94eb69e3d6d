"""
Episodes in HDF5: `images` (n, height, width, 3) uint8 and `actions` (n, 3) m/s, m/s, rad/s.

Such files were recorded by acting first and taking the picture then, so that what answers a
picture is the next action: the first action and the last picture are left out. Files written
here pair them already and say so by the attribute `pairing`; they have `stamps_ns` (n,) too.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.frame_times import check_times, steady
from mobile_vla_ros.data.imports import Frame, Options, ORDERS
from mobile_vla_ros.data.source_files import SourceError
from mobile_vla_ros.packages import missing

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
        file = h5py.File(path, 'r')
    except OSError as error:
        raise SourceError(f'{path}: not a readable HDF5 file ({error})') from error
    with file:
        images, actions = _checked(path, file, h5py.Dataset)
        stamps = _stamps(path, file, options)
        told = file.attrs.get(ORDER, options.order)
        if told not in ORDERS:
            raise SourceError(f'{path}: its {ORDER} is {told!r}, wanted {" or ".join(ORDERS)}')
        words = file.attrs.get(WORDS)
        words = words.decode() if isinstance(words, bytes) else words or None
        if file.attrs.get(PAIRING) != ANSWERS:
            actions, stamps = actions[1:], stamps[:-1]
        for i, stamp_ns in enumerate(stamps):
            try:
                pixels = images[i]
            except OSError as error:
                raise SourceError(f'{path}: image {i} is damaged ({error})') from error
            yield Frame(stamp_ns, pixels, tuple(map(float, actions[i])), words, told)


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


def _checked(path, file, array):
    lacking = [name for name in ('images', 'actions') if not isinstance(file.get(name), array)]
    if lacking:
        raise SourceError(f'{path}: has no {" and no ".join(lacking)}, but '
                            f'{", ".join(sorted(file)) or "nothing"}')
    images, actions = file['images'], file['actions'][:]
    if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8 \
            or actions.shape != (len(images), 3):
        raise SourceError(f'{path}: has images {images.shape} {images.dtype} and actions '
                            f'{actions.shape}, wanted (n, height, width, 3) uint8 and (n, 3)')
    if len(images) < 2:
        raise SourceError(f'{path}: {len(images)} frames are too few, wanted 2 or more')
    return images, actions


def _stamps(path, file, options) -> list[int]:
    """Return the times that the file has, or steady ones."""
    count, seconds = len(file['images']), file.attrs.get(SECONDS)
    if options.rate_hz:
        return steady(path.stat().st_mtime_ns, count, options.rate_hz)
    if 'stamps_ns' in file:
        stamps = [int(ns) for ns in file['stamps_ns']]
        if len(stamps) != count:
            raise SourceError(f'{path}: has {len(stamps)} stamps_ns for {count} images')
    elif seconds is not None and seconds > 0:
        stamps = steady(path.stat().st_mtime_ns, count, (count - 1) / float(seconds))
    else:
        raise SourceError(f'{path}: has no times (neither stamps_ns nor {SECONDS}); give the '
                            'frames a second with --rate')
    check_times(path, stamps)
    return stamps
