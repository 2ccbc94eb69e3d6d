"""
Image messages -> RGB uint8 (height, width, 3). Bags' messages have the same fields as ROS's.

Size, step and length are checked here, which cv_bridge does not do in Python. Then rgb8 is a view
of the message; whatever must be converted, cv_bridge converts (see `bridge`), and what it does not
know, OpenCV. A JPEG that is looked at small is decoded small, which cv_bridge cannot do either.
"""

import cv2
import numpy as np

from mobile_vla_ros.errors import MessageError, one_line
from mobile_vla_ros.images import bridge
from mobile_vla_ros.images.compressed import look, Picture
from mobile_vla_ros.images.encodings import ASSUMED, ENCODINGS, known_as, LAYOUTS

MAX_PIXELS = 4096 * 2160  # a decoded frame stays under 30 MB, whatever a header claims
_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4,
            2: cv2.IMREAD_REDUCED_COLOR_2}


def image_to_rgb(msg) -> np.ndarray:
    """
    Return the pixels of a sensor_msgs/Image, a read-only view of the message where possible.

    :raises MessageError: if the encoding is unknown, or size, step and data disagree.
    """
    pixels = _pixels(msg)
    encoding = known_as(msg.encoding)
    if encoding == 'rgb8':
        pixels.flags.writeable = False
        return pixels
    if pixels.dtype.itemsize == 2:
        pixels = pixels.astype(np.uint16, copy=False)  # in this machine's order of bytes
    try:
        return bridge.to_rgb(encoding, np.ascontiguousarray(pixels))
    except (cv2.error, TypeError, RuntimeError) as error:  # CvBridgeError is a TypeError
        raise MessageError('decode', f'image {msg.width}x{msg.height} in {msg.encoding} is not '
                           f'converted: {one_line(error)}', 'not converted') from error


def compressed_to_rgb(msg, least: int = 0) -> np.ndarray:
    """
    Return the pixels of a sensor_msgs/CompressedImage in JPEG or PNG.

    :param least: px that suffice in height and width: a JPEG may then come at a half, a quarter
        or an eighth of its size, for which less of it is decoded; 0: its own size.
    :raises MessageError: if it is neither, is cut short, or is too large to be decoded safely.
    """
    data = bytes(msg.data)
    picture = _picture(data, msg.format)
    width, height = picture.width, picture.height
    flags, shrink = cv2.IMREAD_COLOR, 1
    if least and picture.jpeg:
        flags, shrink = next(((_REDUCED[by], by) for by in _REDUCED
                              if min(width, height) >= by * least), (flags, 1))
    rgb = None
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


def check(msg) -> None:
    """
    Look at an image message of either kind as far as that goes without decoding it.

    :raises MessageError: as the two above.
    """
    if hasattr(msg, 'format'):
        _picture(bytes(msg.data), msg.format)
    else:
        _pixels(msg)


def decode(msg, least: int = 0) -> np.ndarray:
    """Return the pixels of an image message of either kind; `least` px suffice."""
    return compressed_to_rgb(msg, least) if hasattr(msg, 'format') else image_to_rgb(msg)


def describe_encoding(msg) -> str:
    """Return the encoding of an image message of either kind, and what it is taken for."""
    name = msg.format if hasattr(msg, 'format') else msg.encoding
    return f'{name}, taken as {ASSUMED[name]}' if name in ASSUMED else name[:60]


def _picture(data: bytes, form: str) -> Picture:
    picture = look(data, form)
    _check_size(picture.width, picture.height)
    if not picture.whole:
        raise MessageError('truncated', f'compressed image {picture.width}x{picture.height} is '
                           f'cut short after {len(data)} bytes', 'cut short')
    return picture


def _pixels(msg) -> np.ndarray:
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
        step = width  # some count the planes of colour into it
    if len(buffer) != step * rows:
        raise MessageError('length', f'image data has {len(buffer)} bytes, wanted step {step} x '
                           f'height {height}{_of_planes(layout)} = {step * rows}',
                           'data of the wrong length')
    if encoding == 'nv24' and step > width:  # its rows of colour are twice as long, padding too
        light = np.ndarray((height, width), np.uint8, buffer, strides=(step, 1))
        color = np.ndarray((height, 2 * width), np.uint8, buffer, step * height, (2 * step, 1))
        return np.concatenate([light, color.reshape(2 * height, width)])
    sample = layout.sample.newbyteorder('>' if msg.is_bigendian else '<')
    shape = (rows, width) if layout.channels == 1 else (rows, width, layout.channels)
    strides = (step, layout.size, sample.itemsize)[:len(shape)]
    return np.ndarray(shape, sample, buffer, strides=strides)


def _of_planes(layout) -> str:
    return '' if layout.rows == 1.0 else f' x {layout.rows:g}'


def _check_size(width: int, height: int):
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise MessageError('size', f'image size {width}x{height} is not within 1..{MAX_PIXELS} '
                           'pixels', f'size {width}x{height}')


def _check_pattern(encoding: str, width: int, height: int):
    """Refuse sizes that a pattern of pixels cannot have; OpenCV would raise or read beyond."""
    if encoding.startswith(('yu', 'uy')) and width % 2:
        raise MessageError('size', f'image width {width} must be even for {encoding}',
                           f'odd width in {encoding}')
    if encoding in ('nv12', 'nv21') and (width % 2 or height % 2):
        raise MessageError('size', f'image size {width}x{height} must be even for {encoding}',
                           f'odd size in {encoding}')
    if encoding.startswith('bayer') and (width < 4 or height < 4):
        raise MessageError('size', f'image size {width}x{height} must be at least 4x4 for '
                           f'{encoding}', f'size {width}x{height}')
