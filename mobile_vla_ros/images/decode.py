"""
Turns image messages into RGB uint8 (height, width, 3). Messages of bags and of ROS are alike.

Size, step and length are checked here, which cv_bridge does not do in Python. Then rgb8 is a view
of the message. cv_bridge converts other encodings (see `bridge`), and OpenCV those that cv_bridge
does not know. A JPEG of which a small picture is wanted is decoded small; cv_bridge cannot do so.
"""

from typing import Any

import cv2
import numpy as np

from mobile_vla_ros.errors import MessageError, one_line
from mobile_vla_ros.images import bridge
from mobile_vla_ros.images.compressed import look, Picture
from mobile_vla_ros.images.encodings import ASSUMED, ENCODINGS, known_as, Layout, LAYOUTS

MAX_PIXELS = 4096 * 2160  # a decoded frame stays under 30 MB, whatever its header claims
_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4,
            2: cv2.IMREAD_REDUCED_COLOR_2}


def image_to_rgb(msg: Any) -> np.ndarray:
    """
    Return the pixels of a sensor_msgs/Image, if possible as a read-only view of the message.

    :raises MessageError: if the encoding is unknown, or size, step and data disagree.
    """
    pixels = _pixels(msg)
    encoding = known_as(msg.encoding)
    if encoding == 'rgb8':
        pixels.flags.writeable = False
        return pixels
    if pixels.dtype.itemsize == 2:
        pixels = pixels.astype(np.uint16, copy=False)  # in the byte order of this machine
    try:
        return bridge.to_rgb(encoding, np.ascontiguousarray(pixels))
    except (cv2.error, TypeError, RuntimeError) as error:  # CvBridgeError is a TypeError
        raise MessageError('decode', f'image {msg.width}x{msg.height} in {msg.encoding} is not '
                           f'converted: {one_line(error)}', 'not converted') from error


def compressed_to_rgb(msg: Any, least: int = 0) -> np.ndarray:
    """
    Return the pixels of a sensor_msgs/CompressedImage in JPEG or PNG.

    :param least: px that are enough in height and width. A JPEG may then be decoded at a half, a
        quarter or an eighth of its size, which is faster; 0: its own size.
    :raises MessageError: if it is neither, is cut short, or is too large to be decoded safely.
    """
    data = bytes(msg.data)
    picture = _picture(data, msg.format)
    width, height = picture.width, picture.height
    flags, shrink = cv2.IMREAD_COLOR, 1
    if least and picture.jpeg:
        flags, shrink = next(((_REDUCED[by], by) for by in _REDUCED
                              if min(width, height) >= by * least), (flags, 1))
    rgb: np.ndarray | None = None
    try:
        if picture.plain and shrink == 1:
            rgb = bridge.decode(msg, '.jpg' if picture.jpeg else '.png')
        if rgb is None:
            bgr = cv2.imdecode(np.frombuffer(data, np.uint8),
                               flags | cv2.IMREAD_IGNORE_ORIENTATION)
            rgb = bgr if bgr is None else cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=bgr)
    except (cv2.error, TypeError, RuntimeError) as error:
        raise MessageError('decode', f'compressed image does not decode: {one_line(error)}',
                           'damaged') from error
    if rgb is None or rgb.shape != (-(-height // shrink), -(-width // shrink), 3):
        raise MessageError('decode', f'compressed image {width}x{height} of {len(data)} bytes '
                           'does not decode', 'damaged')
    return rgb


def check(msg: Any) -> None:
    """
    Check an image message of either kind as far as possible without decoding it.

    :raises MessageError: as `image_to_rgb` and `compressed_to_rgb`.
    """
    if hasattr(msg, 'format'):
        _picture(bytes(msg.data), msg.format)
    else:
        _pixels(msg)


def decode(msg: Any, least: int = 0) -> np.ndarray:
    """Return the pixels of an image message of either kind; `least` is of `compressed_to_rgb`."""
    return compressed_to_rgb(msg, least) if hasattr(msg, 'format') else image_to_rgb(msg)


def describe_encoding(msg: Any) -> str:
    """Return the encoding of an image message of either kind, and what is assumed of it."""
    name = msg.format if hasattr(msg, 'format') else msg.encoding
    return f'{name}, taken as {ASSUMED[name]}' if name in ASSUMED else name[:60]


def _picture(data: bytes, form: str) -> Picture:
    picture = look(data, form)
    _check_size(picture.width, picture.height)
    if not picture.whole:
        raise MessageError('truncated', f'compressed image {picture.width}x{picture.height} is '
                           f'cut short after {len(data)} bytes', 'cut short')
    return picture


def _pixels(msg: Any) -> np.ndarray:
    """Return a view (rows, width[, channels]) of the samples in a message, without padding."""
    encoding, height, width, step = msg.encoding, msg.height, msg.width, msg.step
    layout = LAYOUTS.get(known_as(encoding))
    if layout is None:
        raise MessageError('encoding', f'image encoding {encoding[:40]!r} is not one of '
                           + ', '.join(ENCODINGS), f'encoding {encoding[:40]!r}')
    _check_size(width, height)
    _check_pattern(encoding, width, height)
    if step < width * layout.size:
        raise MessageError('step', f'image step {step} is less than the {width * layout.size} '
                           f'bytes that a row of {width} pixels in {encoding} needs',
                           'rows longer than the step')
    buffer = memoryview(msg.data).cast('B')
    rows = int(height * layout.rows)
    if layout.rows != 1.0 and len(buffer) == rows * width \
            and step in (2 * width, layout.rows * width):
        step = width  # some drivers count the planes of colour into it
    if len(buffer) != step * rows:
        raise MessageError('length', f'image data has {len(buffer)} bytes, wanted step {step} x '
                           f'height {height}{_of_planes(layout)} = {step * rows}',
                           'data of the wrong length')
    if encoding == 'nv24' and step > width:  # its rows of colour and their padding are doubled
        light: np.ndarray = np.ndarray((height, width), np.uint8, buffer, strides=(step, 1))
        color: np.ndarray = np.ndarray((height, 2 * width), np.uint8, buffer, step * height,
                                       (2 * step, 1))
        return np.concatenate([light, color.reshape(2 * height, width)])
    sample = layout.sample.newbyteorder('>' if msg.is_bigendian else '<')
    shape = (rows, width) if layout.channels == 1 else (rows, width, layout.channels)
    strides = (step, layout.size, sample.itemsize)[:len(shape)]
    return np.ndarray(shape, sample, buffer, strides=strides)


def _of_planes(layout: Layout) -> str:
    return '' if layout.rows == 1.0 else f' x {layout.rows:g}'


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise MessageError('size', f'image size {width}x{height} is not within 1..{MAX_PIXELS} '
                           'pixels', f'size {width}x{height}')


def _check_pattern(encoding: str, width: int, height: int) -> None:
    """Refuse sizes that do not fit a pattern; OpenCV would raise, or read beyond the data."""
    if encoding.startswith(('yu', 'uy')) and width % 2:
        raise MessageError('size', f'image width {width} must be even for {encoding}',
                           f'odd width in {encoding}')
    if encoding in ('nv12', 'nv21') and (width % 2 or height % 2):
        raise MessageError('size', f'image size {width}x{height} must be even for {encoding}',
                           f'odd size in {encoding}')
    if encoding.startswith('bayer') and (width < 4 or height < 4):
        raise MessageError('size', f'image size {width}x{height} must be at least 4x4 for '
                           f'{encoding}', f'size {width}x{height}')
