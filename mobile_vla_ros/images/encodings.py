"""
The encodings of sensor_msgs/image_encodings that become RGB, and OpenCV's way to do it.

`bridge` asks cv_bridge first. This module fills its gaps, and replaces it if it is missing.
"""

from typing import Any, NamedTuple

import cv2
import numpy as np


class Layout(NamedTuple):
    """How the pixels of an encoding lie in memory, and the cv2 conversion to RGB."""

    channels: int
    sample: np.dtype[Any]
    code: int | None  # None: they are RGB
    rows: float = 1.0  # planes of one byte: rows of `step` bytes for each row of the picture

    @property
    def size(self) -> int:
        """Return the bytes of a pixel in a row."""
        return self.channels * self.sample.itemsize


SAME = {  # second names -> those that cv_bridge knows
    'uyvy': 'yuv422', 'yuyv': 'yuv422_yuy2',
}
# OpenCV's types name no colours. They are taken for blue first, as cvtColorForDisplay of cv_bridge
# does: cv2_to_imgmsg without an encoding makes them of OpenCV's pictures.
ASSUMED = {'8UC1': 'mono8', '8UC3': 'bgr8', '8UC4': 'bgra8',
           '16UC1': 'mono16', '16UC3': 'bgr16', '16UC4': 'bgra16'}
_COLORS = {'rgb': (3, None), 'bgr': (3, cv2.COLOR_BGR2RGB), 'rgba': (4, cv2.COLOR_RGBA2RGB),
           'bgra': (4, cv2.COLOR_BGRA2RGB), 'mono': (1, cv2.COLOR_GRAY2RGB),
           # OpenCV names a Bayer pattern by its second row, ROS by its first.
           'bayer_rggb': (1, cv2.COLOR_BayerBG2RGB), 'bayer_bggr': (1, cv2.COLOR_BayerRG2RGB),
           'bayer_gbrg': (1, cv2.COLOR_BayerGR2RGB), 'bayer_grbg': (1, cv2.COLOR_BayerGB2RGB)}
LAYOUTS = {
    f'{name}{8 * sample.itemsize}': Layout(channels, sample, code)
    for name, (channels, code) in _COLORS.items() for sample in map(np.dtype, ('u1', 'u2'))}
LAYOUTS |= {
    'yuv422': Layout(2, np.dtype('u1'), cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': Layout(2, np.dtype('u1'), cv2.COLOR_YUV2RGB_YUYV),
    'nv12': Layout(1, np.dtype('u1'), cv2.COLOR_YUV2RGB_NV12, 1.5),
    'nv21': Layout(1, np.dtype('u1'), cv2.COLOR_YUV2RGB_NV21, 1.5),
    'nv24': Layout(1, np.dtype('u1'), cv2.COLOR_YUV2RGB_YUYV, 3.0),
}
ENCODINGS = tuple(sorted([*LAYOUTS, *SAME, *ASSUMED]))


def known_as(encoding: str) -> str:
    """Return the name in LAYOUTS for a second name, or for one that names no colours."""
    return SAME.get(encoding) or ASSUMED.get(encoding, encoding)


def to_rgb(encoding: str, pixels: np.ndarray) -> np.ndarray:
    """
    Return RGB uint8 (height, width, 3).

    :param encoding: one of LAYOUTS.
    :param pixels: uint8 or uint16 (height, width[, channels]), of nv12 and nv21 (3/2 height,
        width), of nv24 (3 height, width).
    """
    code = LAYOUTS[encoding].code
    if encoding == 'nv24':
        pixels = _doubled(pixels)
    wide = pixels.dtype != np.uint8
    if wide and not encoding.startswith('bayer'):  # later, for there are fewer samples now
        pixels, wide = _eight_bits(pixels), False
    rgb = pixels if code is None else cv2.cvtColor(pixels, code)
    if encoding == 'nv24':
        return cv2.resize(rgb, (rgb.shape[1] // 2, len(rgb)), interpolation=cv2.INTER_NEAREST)
    return _eight_bits(rgb) if wide else rgb


def _eight_bits(pixels: np.ndarray) -> np.ndarray:
    """Scale 0..65535 to 0..255 and round, as cv_bridge does."""
    return cv2.convertScaleAbs(pixels, alpha=255 / 65535)


def _doubled(planes: np.ndarray) -> np.ndarray:
    """
    Return the planes of nv24 as yuyv (height, 2 width, 2), with every pixel twice.

    OpenCV has no conversion of an encoding with a colour for each pixel.
    """
    height, width = len(planes) // 3, planes.shape[1]
    packed = np.empty((height, width, 4), np.uint8)
    cv2.mixChannels([planes[:height], planes[height:].reshape(height, width, 2)], [packed],
                    [0, 0, 1, 1, 0, 2, 2, 3])
    return packed.reshape(height, 2 * width, 2)
