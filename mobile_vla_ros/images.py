"""
Image messages -> RGB uint8 (height, width, 3). Needs no ROS: bags' messages have the same fields.

cv_bridge is not used: it checks neither step nor length, has no yuv422 and no 16 bit, copies
where a view would do and imports with a few pairs of NumPy and OpenCV only. What it would be
asked for here is one cv2 call an encoding.
"""

import cv2
import numpy as np

from mobile_vla_ros.compressed import look
from mobile_vla_ros.unreadable import MessageError

MAX_PIXELS = 4096 * 2160  # a decoded frame stays under 30 MB, whatever a header claims

_CVT = {  # encoding: (bytes a pixel, cv2 conversion; None: a view is enough)
    'rgb8': (3, None),
    'bgr8': (3, cv2.COLOR_BGR2RGB),
    'rgba8': (4, cv2.COLOR_RGBA2RGB),
    'bgra8': (4, cv2.COLOR_BGRA2RGB),
    'mono8': (1, cv2.COLOR_GRAY2RGB),
    '8UC1': (1, cv2.COLOR_GRAY2RGB),
    'mono16': (2, cv2.COLOR_GRAY2RGB),  # the high byte
    '16UC1': (2, cv2.COLOR_GRAY2RGB),
    'yuv422': (2, cv2.COLOR_YUV2RGB_UYVY),
    'uyvy': (2, cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': (2, cv2.COLOR_YUV2RGB_YUYV),
    'yuyv': (2, cv2.COLOR_YUV2RGB_YUYV),
}
# OpenCV names a Bayer pattern by its second row, ROS by its first: rggb is OpenCV's BG.
for _ros, _code in (('rggb', cv2.COLOR_BayerBG2RGB), ('bggr', cv2.COLOR_BayerRG2RGB),
                    ('gbrg', cv2.COLOR_BayerGR2RGB), ('grbg', cv2.COLOR_BayerGB2RGB)):
    _CVT[f'bayer_{_ros}8'] = (1, _code)
    _CVT[f'bayer_{_ros}16'] = (2, _code)
_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4,
            2: cv2.IMREAD_REDUCED_COLOR_2}
ENCODINGS = tuple(sorted(_CVT))
_TWO_BYTES = ('mono16', '16UC1', 'bayer_rggb16', 'bayer_bggr16', 'bayer_gbrg16', 'bayer_grbg16')


def image_to_rgb(msg) -> np.ndarray:
    """
    Return the pixels of a sensor_msgs/Image, a read-only view of the message where possible.

    :raises MessageError: if the encoding is unknown, or size, step and data disagree.
    """
    if msg.encoding not in _CVT:
        raise MessageError('encoding', f'image encoding {msg.encoding[:40]!r} is not one of '
                           + ', '.join(ENCODINGS))
    size, code = _CVT[msg.encoding]
    height, width, step = msg.height, msg.width, msg.step
    _check_size(width, height)
    if step < width * size:
        raise MessageError('step', f'image step {step} is less than the {width * size} bytes '
                           f'that a row of {width} pixels in {msg.encoding} needs')
    buffer = memoryview(msg.data).cast('B')
    if len(buffer) != step * height:
        raise MessageError('length', f'image data has {len(buffer)} bytes, wanted step {step} x '
                           f'height {height} = {step * height}')
    if msg.encoding in _TWO_BYTES:
        # The high byte of every pixel, without a pass over the data.
        high = buffer[0 if msg.is_bigendian else 1:]
        pixels = np.ndarray((height, width), np.uint8, high, strides=(step, 2))
    elif size == 1:
        pixels = np.ndarray((height, width), np.uint8, buffer, strides=(step, 1))
    else:
        pixels = np.ndarray((height, width, size), np.uint8, buffer, strides=(step, size, 1))
    if code is None:
        pixels.flags.writeable = False
        return pixels
    _check_pattern(msg.encoding, width, height)
    return cv2.cvtColor(np.ascontiguousarray(pixels), code)


def compressed_to_rgb(msg, least: int = 0) -> np.ndarray:
    """
    Return the pixels of a sensor_msgs/CompressedImage in JPEG or PNG.

    :param least: px that suffice in height and width: a JPEG may then come at a half, a quarter
        or an eighth of its size, for which less of it is decoded; 0: its own size.
    :raises MessageError: if it is neither, is cut short, or is too large to be decoded safely.
    """
    data = bytes(msg.data)
    width, height, whole, jpeg, _ = look(data, msg.format)
    _check_size(width, height)
    if not whole:
        raise MessageError('truncated', f'compressed image {width}x{height} is cut short after '
                           f'{len(data)} bytes', 'cut short')
    flags, shrink = cv2.IMREAD_COLOR, 1
    if least and jpeg:
        flags, shrink = next(((_REDUCED[by], by) for by in _REDUCED
                              if min(width, height) >= by * least), (flags, 1))
    flags |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise MessageError('decode', f'compressed image does not decode: {error.err}') from error
    if bgr is None or bgr.shape != (-(-height // shrink), -(-width // shrink), 3):
        raise MessageError('decode', f'compressed image {width}x{height} of {len(data)} bytes '
                           'does not decode')
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=bgr)


def _check_size(width: int, height: int):
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise MessageError('size', f'image size {width}x{height} is not within 1..{MAX_PIXELS} '
                           'pixels')


def _check_pattern(encoding: str, width: int, height: int):
    """Refuse sizes that a pattern of pixels cannot have; OpenCV would raise or read beyond."""
    if encoding.startswith(('yu', 'uy')) and width % 2:
        raise MessageError('size', f'image width {width} must be even for {encoding}')
    if encoding.startswith('bayer') and (width < 4 or height < 4):
        raise MessageError('size', f'image size {width}x{height} must be at least 4x4 for '
                           f'{encoding}')
