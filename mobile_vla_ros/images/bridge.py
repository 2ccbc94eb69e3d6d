"""
Uses cv_bridge for what the installed one does right.

The cv_bridge of a ROS installation converts all that it knows. The one on PyPI lacks 16 bits and
more. So each encoding is tried once, and the version does not matter. If there is no cv_bridge, as
on a machine that only trains, `encodings` and cv2 make the same pixels.
"""

from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
import sys
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from mobile_vla_ros.images import encodings

CLOSE = 2  # levels of 255 by which two versions of OpenCV round differently


@lru_cache(maxsize=1)
def bridge() -> Any:
    """Return a CvBridge or None; it is imported late, as most cameras do not need it."""
    if not _fits_numpy():
        return None
    try:
        from cv_bridge import CvBridge
        return CvBridge()
    except Exception:  # no sensor_msgs, or made for another OpenCV
        return None


def _fits_numpy() -> bool:
    """Tell whether cv_bridge fits NumPy: built for version 1, it crashes with version 2."""
    spec = find_spec('cv_bridge')
    if spec is None or int(np.__version__.partition('.')[0]) < 2:
        return spec is not None
    built = [file for folder in spec.submodule_search_locations or ()
             for file in Path(folder).rglob('*.so')]
    return all(b'numpy._core' in file.read_bytes() for file in built)  # the name since 2


@lru_cache(maxsize=len(encodings.LAYOUTS))
def converts(encoding: str) -> bool:
    """Tell whether cv_bridge turns one of encodings.LAYOUTS into the right RGB."""
    layout = encodings.LAYOUTS[encoding]
    if layout.rows != 1.0:  # cv_bridge knows no planes
        return False
    shape = (8, 8, layout.channels) if layout.channels > 1 else (8, 8)
    pixels = _sample(shape, layout.sample)
    return _agree(lambda: _convert(encoding, pixels), encodings.to_rgb(encoding, pixels))


@lru_cache(maxsize=2)
def decodes(suffix: str) -> bool:
    """Tell whether cv_bridge decodes a '.jpg' or '.png' of 3 x 8 bits as it is."""
    _, data = cv2.imencode(suffix, _sample())
    return _agree(lambda: _decode(SimpleNamespace(data=data.ravel(), format=suffix[1:])),
                  _read(data)[..., ::-1])


@lru_cache(maxsize=1)
def makes_images() -> bool:
    """Tell whether cv_bridge makes an Image that holds what it should."""
    def image() -> np.ndarray:
        msg = bridge().cv2_to_imgmsg(rgb, 'rgb8')
        return np.frombuffer(msg.data, np.uint8).reshape(msg.height, msg.step // 3, 3)
    rgb = _sample()
    return _agree(image, rgb)


@lru_cache(maxsize=1)
def makes_jpegs() -> bool:
    """Tell whether cv_bridge makes a CompressedImage that holds what it should."""
    def jpeg() -> np.ndarray:
        return _read(bridge().cv2_to_compressed_imgmsg(bgr, 'jpg').data)
    bgr = _sample()
    return _agree(jpeg, _read(cv2.imencode('.jpg', bgr)[1]))


def to_rgb(encoding: str, pixels: np.ndarray) -> np.ndarray:
    """Return RGB uint8 (height, width, 3); the parameters are those of `encodings.to_rgb`."""
    return _convert(encoding, pixels) if converts(encoding) else encodings.to_rgb(encoding, pixels)


def decode(msg: Any, suffix: str) -> np.ndarray | None:
    """Return the RGB of a CompressedImage of 3 x 8 bits; None if cv_bridge does not decode it."""
    return _decode(msg) if decodes(suffix) else None


def _convert(encoding: str, pixels: np.ndarray) -> np.ndarray:
    """Let cv_bridge convert pixels without padding, in the byte order of this machine."""
    height, width = pixels.shape[:2]
    return bridge().imgmsg_to_cv2(SimpleNamespace(
        height=height, width=width, encoding=encoding, is_bigendian=sys.byteorder == 'big',
        step=pixels.nbytes // height, data=pixels), 'rgb8')


def _decode(msg: Any) -> np.ndarray:
    return bridge().compressed_imgmsg_to_cv2(msg, 'rgb8')


def _read(data: Any) -> np.ndarray:
    """Return the BGR of a JPEG or PNG that was made here."""
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


def _sample(shape: tuple[int, ...] = (16, 24, 3),
            kind: Any = np.uint8) -> np.ndarray:
    """Return noise, without the 9 MB of numpy.random, which no node needs otherwise."""
    numbers = np.arange(np.prod(shape), dtype=np.uint32) * np.uint32(2654435761)
    return (numbers >> np.uint32(15)).astype(kind).reshape(shape)


def _agree(attempt: Callable[[], np.ndarray], right: np.ndarray) -> bool:
    """Tell whether an attempt succeeds and comes close to the right pixels."""
    if bridge() is None:
        return False
    try:
        pixels = attempt()
        return pixels.shape == right.shape and pixels.dtype == right.dtype \
            and int(np.abs(pixels.astype(int) - right).max()) <= CLOSE
    except Exception:  # whatever it raises at what it does not know
        return False
