"""Reads the header of a JPEG or PNG and sees whether all of it is there, without decoding it."""

import re
import struct
from typing import NamedTuple

from mobile_vla_ros.errors import MessageError

# The next marker is found as by libjpeg: filling bytes, stuffed zeros (FF00) and markers without
# a segment, which are FF01 and those of a restart (FFD0 to FFD7), are skipped.
_MARKER = re.compile(rb'\xff+([^\x00\x01\xd0-\xd7\xff])')
_FRAME_HEADERS = frozenset(range(0xc0, 0xd0)) - {0xc4, 0xc8, 0xcc}
_START, _END, _SCAN, _APP1 = 0xd8, 0xd9, 0xda, 0xe1
MAX_SCANS = 100  # a progressive picture has ten; each takes the time of a whole decoding
_PNG = b'\x89PNG\r\n\x1a\n'
_OTHERS = ((b'RIFF', 'WebP'), (b'BM', 'BMP'), (b'II*\0', 'TIFF'), (b'MM\0*', 'TIFF'),
           (b'GIF8', 'GIF'), (b'\0\0\0\x01', 'video'), (b'\0\0\x01', 'video'))


class Picture(NamedTuple):
    """What the header of a picture says."""

    width: int  # px
    height: int
    whole: bool  # all of it is there
    jpeg: bool  # else it is PNG
    plain: bool  # 3 x 8 bits, not rotated, without transparency or other frames


def look(data: bytes, form: str = '') -> Picture:
    """
    Return what the header of a picture says; the kind is seen from its bytes, not from `form`.

    :param form: the message's `format`.
    :raises MessageError: if it is no picture that is read here.
    """
    if not data:
        raise MessageError('empty', 'compressed image is empty: 0 bytes', 'empty')
    if 'compresseddepth' in form.lower() or data[12:20] == _PNG:
        raise MessageError('format', f'image in format {form[:40]!r} is compressedDepth: '
                           'distances, not a picture; take the topic of the colour camera',
                           'format compressedDepth')
    if data[:3] == b'\xff\xd8\xff':
        return _jpeg(data)
    if data[:8] == _PNG and data[12:16] == b'IHDR' and len(data) >= 29:
        return _png(data)
    name = next((name for start, name in _OTHERS if data.startswith(start)), '')
    raise MessageError('format', f'compressed image of {len(data)} bytes starting with '
                       f'{data[:8].hex()}{name and f" ({name})"} is neither JPEG nor PNG (format '
                       f'{form[:40]!r})', f'format {name or form[:40]!r}')


def _jpeg(data: bytes) -> Picture:
    """
    Walk from marker to marker up to the end of the image; what comes after it does not matter.

    Segments are skipped by their length, so that the markers of a thumbnail do not count.
    """
    size: tuple[int, int] | None = None  # width, height
    plain, scans = True, 0
    at = 2
    while found := _MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        if marker == _END:
            break
        if marker == _START or size and marker in _FRAME_HEADERS:
            found = None  # another picture begins inside this one
            break
        length = int.from_bytes(data[at:at + 2], 'big')
        if length < 2 or at + length > len(data):
            found = None
            break
        if marker in _FRAME_HEADERS and length >= 8:
            height, width = struct.unpack('>HH', data[at + 3:at + 7])
            size = width, height
            plain &= data[at + 7] == 3
        elif marker == _APP1 and data[at + 2:at + 6] == b'Exif':
            plain = False  # it may say that the camera was rotated
        elif marker == _SCAN:
            scans += 1
            if scans > MAX_SCANS:
                raise MessageError('decode', f'JPEG of {len(data)} bytes has more than '
                                   f'{MAX_SCANS} scans', 'too many scans')
        at += length
    if size is None:
        raise MessageError('truncated', f'JPEG of {len(data)} bytes has no frame header',
                           'cut short')
    return Picture(size[0], size[1], whole=bool(found and scans), jpeg=True, plain=plain)


def _png(data: bytes) -> Picture:
    """
    Follow the chunks up to the last (PNG specification, 5.3); what follows does not matter.

    OpenCV allocates what a chunk claims to hold before it sees whether that is there: 4 GB for
    one flipped bit.
    """
    width, height, depth, color = struct.unpack('>IIBB', data[16:26])
    plain, whole, at = (depth, color) == (8, 2), False, 8
    while at + 12 <= len(data) and not whole:
        length, kind = struct.unpack('>I4s', data[at:at + 8])
        at += 12 + length
        plain &= kind not in (b'tRNS', b'eXIf', b'acTL')
        whole = kind == b'IEND' and at <= len(data)
    return Picture(width, height, whole, jpeg=False, plain=plain)
