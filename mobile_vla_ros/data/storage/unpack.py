"""Unpacks bytes and files, and never more than is allowed, whatever they say of themselves."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
import shutil

from mobile_vla_ros.data.storage import BagError, DamagedError, MOST
from mobile_vla_ros.errors import one_line

MAGIC = b'\x28\xb5\x2f\xfd'  # of zstd; no CDR message begins so
FREE = 256 * 2**20  # bytes that unpacking leaves free on the disk
CACHED = 64 * 2**20  # bytes of unpacked chunks that are kept


def unpack(data: bytes, compression: str = 'zstd', most: int = MOST) -> bytes:
    """
    Return what was compressed.

    :param compression: zstd, lz4, or empty for none.
    :raises DamagedError: if it is not whole, packed otherwise or longer than `most` bytes.
    """
    if compression not in UNPACKERS:
        raise DamagedError(f'it is compressed by {compression!r}, wanted zstd or lz4')
    try:
        out = UNPACKERS[compression](data, most + 1)
    except ImportError:
        raise
    except Exception as error:  # each library has its own
        raise DamagedError(f'it cannot be unpacked, {one_line(error)}') from error
    if len(out) > most:
        raise DamagedError(f'it becomes longer than the {most} bytes that it may')
    return out


def _zstd(data: bytes, most: int) -> bytes:
    import zstandard
    with zstandard.ZstdDecompressor().stream_reader(data) as stream:
        return bytes(stream.read(most))


def _lz4(data: bytes, most: int) -> bytes:
    import lz4.frame
    return bytes(lz4.frame.LZ4FrameDecompressor().decompress(data, most))


UNPACKERS: dict[str, Callable[[bytes, int], bytes]] = {
    'zstd': _zstd, 'lz4': _lz4, '': lambda data, most: bytes(data[:most])}


def unpack_file(path: Path, out: Path) -> None:
    """
    Write the zstd file at `path` unpacked to `out`.

    :raises BagError: if it is damaged, or the disk has no room for it.
    """
    import zstandard
    try:
        with path.open('rb') as packed, out.open('wb') as file, \
                zstandard.ZstdDecompressor().stream_reader(packed) as stream:
            while block := stream.read(2**22):
                check_room(out, len(block))
                file.write(block)
    except zstandard.ZstdError as error:
        raise BagError(f'not a readable bag (it cannot be unpacked, {one_line(error)})',
                       'copy it anew; if it is so at its source, leave it out') from error


def check_room(out: Path, size: int) -> None:
    """Raise a BagError if `size` bytes do not fit where `out` lies."""
    free = shutil.disk_usage(out.parent).free
    if free < size + FREE:
        raise BagError(f'{out.parent} has {free / 2**20:.0f} MB free, too little to unpack it',
                       'name a larger place in the variable TMPDIR')


class Chunks:
    """Keeps the unpacked chunks that were used last."""

    def __init__(self, make: Callable[[int], bytes]) -> None:
        """Make the chunks that are not kept by `make(key)`."""
        self._make = make
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._size = 0

    def __getitem__(self, key: int) -> bytes:
        """Return a chunk; two are kept at least, as messages may alternate between them."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        made = self._kept[key] = self._make(key)
        self._size += len(made)
        while self._size > CACHED and len(self._kept) > 2:
            self._size -= len(self._kept.popitem(last=False)[1])
        return made
