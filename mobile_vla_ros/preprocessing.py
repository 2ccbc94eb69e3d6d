"""A camera image to the network's input; the same in training, replay and on the robot."""

from collections.abc import Sequence

import cv2
import numpy as np

IMAGE = 160  # px, height and width: half the work of the usual 224, and it drives as well


def preprocess(rgb: np.ndarray) -> np.ndarray:
    """
    Return uint8 (IMAGE, IMAGE, 3) of uint8 RGB (height, width, 3): the whole view, squeezed.

    :raises ValueError: for another dtype or shape, which it states.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ValueError(f'an image is uint8 RGB (height, width, 3), got {rgb.dtype} {rgb.shape}')
    if rgb.shape == (IMAGE, IMAGE, 3):
        return np.ascontiguousarray(rgb)
    # Halving is many times faster than any other averaging of pixels, with the same result.
    while min(rgb.shape[:2]) >= 2 * IMAGE and not (rgb.shape[0] % 2 or rgb.shape[1] % 2):
        rgb = cv2.resize(rgb, (rgb.shape[1] // 2, rgb.shape[0] // 2),
                         interpolation=cv2.INTER_AREA)
    shrinks = rgb.shape[0] >= IMAGE and rgb.shape[1] >= IMAGE
    return cv2.resize(rgb, (IMAGE, IMAGE),
                      interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def history_frames(stamps_ns: Sequence[int] | np.ndarray, now_ns: int,
                   ages_s: Sequence[float]) -> list[int]:
    """
    Return for each age the index of the frame whose stamp is nearest to `now_ns` - age.

    An age before the first frame, as at an episode's start, gives the first one.
    """
    stamps = np.asarray(stamps_ns, dtype=np.int64)
    return [int(np.abs(stamps - (now_ns - round(age * 1e9))).argmin()) for age in ages_s]
