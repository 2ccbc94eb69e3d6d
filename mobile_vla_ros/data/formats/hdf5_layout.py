"""Check what arrays and attributes an HDF5 file has, before any value of an array is read."""

from math import ceil, isfinite, prod
from types import ModuleType
from typing import Any, TYPE_CHECKING

import numpy as np

from mobile_vla_ros.data.formats.source_files import MOST_FRAMES, SourceError
from mobile_vla_ros.images.decode import MAX_PIXELS

if TYPE_CHECKING:
    import h5py

IMAGES, ACTIONS, STAMPS = 'images', 'actions', 'stamps_ns'
WANTED = {IMAGES: '(n, height, width, 3) uint8', ACTIONS: '(n, 3) numbers: m/s forward, m/s to '
          'the left, rad/s to the left', STAMPS: '(n,) numbers'}
MOST_CHUNK = 2**29  # bytes; HDF5 unpacks a whole chunk to read one value in it
SHOWN = 6  # arrays that the error names, of a file with another layout


def arrays(h5py: ModuleType,
           file: 'h5py.File') -> 'tuple[h5py.Dataset, h5py.Dataset, h5py.Dataset | None]':
    """
    Return the datasets images, actions and stamps_ns; None for stamps_ns if there are none.

    :raises SourceError: if they are not as wanted; it says what the file has and what is wanted.
    """
    lacking = [name for name in (IMAGES, ACTIONS) if name not in file]
    if lacking:
        raise SourceError(f'has no {" and no ".join(lacking)}, but {_contents(h5py, file)}; '
                          f'wanted are {IMAGES} {WANTED[IMAGES]} and {ACTIONS} {WANTED[ACTIONS]}')
    images, actions = _array(h5py, file, IMAGES), _array(h5py, file, ACTIONS)
    stamps = _array(h5py, file, STAMPS) if STAMPS in file else None
    if len(images.shape) != 4 or images.shape[-1] != 3 or images.dtype != np.uint8 \
            or actions.shape != (len(images), 3):
        raise SourceError(f'has images {images.shape} {images.dtype} and actions {actions.shape}, '
                          f'wanted {WANTED[IMAGES]} and {WANTED[ACTIONS]}')
    for array in filter(None, (actions, stamps)):
        if array.dtype.kind not in 'fiu':
            raise SourceError(f'its {array.name[1:]} are {array.dtype}, wanted numbers')
    count, height, width, _ = images.shape
    if not 2 <= count <= MOST_FRAMES:
        raise SourceError(f'{count} frames are not within 2..{MOST_FRAMES}')
    if not 1 <= height * width <= MAX_PIXELS:
        raise SourceError(f'its images are {width}x{height}, must be within 1..{MAX_PIXELS} '
                          'pixels')
    if stamps is not None and stamps.shape != (count,):
        raise SourceError(f'has {"x".join(map(str, stamps.shape))} {STAMPS} for {count} images')
    for array in filter(None, (images, actions, stamps)):
        _check_stored(array)
    return images, actions, stamps


def text(file: 'h5py.File', name: str) -> str | None:
    """
    Return the text of an attribute; None if the attribute is absent or empty.

    :raises SourceError: if it is not a text.
    """
    value = _attribute(file, name)
    try:
        value = value.decode() if isinstance(value, bytes) else value
        if isinstance(value, str):
            value.encode()  # h5py returns bytes that are not UTF-8 as surrogates
    except UnicodeError as error:
        raise SourceError(f'its {name} is not a text in UTF-8 ({error})') from error
    if value is not None and not isinstance(value, str):
        raise SourceError(f'its {name} is {value!r:.80}, wanted a text')
    return value or None


def seconds(file: 'h5py.File', name: str) -> float | None:
    """
    Return an attribute that is a length of time, s; None if the attribute is absent.

    :raises SourceError: if it is not a finite number above 0.
    """
    value = _attribute(file, name)
    if value is None:
        return None
    if type(value) not in (int, float) or not isfinite(value) or value <= 0:
        raise SourceError(f'its {name} is {value!r:.80}, wanted a number of seconds above 0')
    return float(value)


def _attribute(file: 'h5py.File', name: str) -> Any:
    """Return an attribute as a Python value, also if it is the only one in an array."""
    if name not in file.attrs:
        return None
    try:
        value = file.attrs[name]
    except (OSError, TypeError, ValueError, KeyError, RuntimeError) as error:
        raise SourceError(f'its {name} cannot be read ({error})') from error
    return value.item() if isinstance(value, (np.ndarray, np.generic)) and value.size == 1 \
        else value


def _array(h5py: ModuleType, file: 'h5py.File', name: str) -> 'h5py.Dataset':
    link = file.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise SourceError(f'its {name} is a link ({getattr(link, "filename", link.path)!r:.200}); '
                          'copy the array into the file')
    array = file[name]
    if not isinstance(array, h5py.Dataset) or not array.shape:
        shown = f'{array.dtype} without rows' if isinstance(array, h5py.Dataset) else 'a folder'
        raise SourceError(f'its {name} is {shown}, wanted {WANTED[name]}')
    if array.is_virtual or array.external:
        raise SourceError(f'its {name} lies in another file; copy the array into this one')
    return array


def _check_stored(array: 'h5py.Dataset') -> None:
    """Refuse an array that was not all written, or whose chunks take too much memory."""
    name = array.name.strip('/')
    if array.chunks:
        size = prod(array.chunks) * array.dtype.itemsize
        if size > MOST_CHUNK:
            raise SourceError(f'its {name} come in chunks of {size} bytes, at most {MOST_CHUNK} '
                              'are read at once; write them with chunks of one frame')
        wanted = prod(ceil(rows / chunk) for rows, chunk in zip(array.shape, array.chunks))
        stored = array.id.get_num_chunks()
    else:
        wanted, stored = prod(array.shape) * array.dtype.itemsize, array.id.get_storage_size()
    if stored < wanted:
        raise SourceError(f'only {stored / wanted:.1%} of its {name} were ever written; cut it to '
                          'what was recorded')


def _contents(h5py: ModuleType, file: 'h5py.File') -> str:
    """Return the arrays of a file in words; links are not followed."""
    shown: list[str] = []
    more: list[str] = []

    def look(name: str, item: Any) -> int | None:
        if isinstance(item, h5py.Dataset):
            (shown if len(shown) < SHOWN else more).append(f'{repr(name)[1:-1]} {item.shape}')
        return len(more) or None  # a number ends the search
    file.visititems(look)
    if not shown:
        return ', '.join(repr(name)[1:-1] for name in list(file)[:SHOWN]) or 'nothing'
    return ', '.join(shown) + (' and more' if more else '')
