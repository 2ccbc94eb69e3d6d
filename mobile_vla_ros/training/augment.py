"""One recorded drive as several; how many and how different depends on its distance."""

from collections.abc import Callable

from dataclasses import dataclass

import cv2
import numpy as np

from mobile_vla_ros.contract import DISTANCES


@dataclass(frozen=True)
class Augmentation:
    """
    How much the copies of an episode may differ; each copy draws once, for all its frames.

    `shift` and `zoom` are shares of the picture, `light` and `colour` of a pixel's value,
    `noise` is in 8 bit steps, `blur` in pixels to the side, as a faster turn gives.
    """

    copies: int  # of an episode, which include itself and its mirror image
    pace: tuple[float, float]  # times as fast, in pictures and commands alike
    shift: float
    zoom: float
    light: float
    colour: float
    noise: float
    blur: int


AUGMENTATIONS = dict(zip(DISTANCES, (
    # Close, precision: driven more slowly; what is near must be where it seems to be.
    Augmentation(8, (0.6, 1.0), 0.005, 0.005, 0.15, 0.04, 2.0, 0),
    # Medium: a little of everything.
    Augmentation(5, (0.85, 1.15), 0.02, 0.03, 0.25, 0.06, 4.0, 2),
    # Far, speed: driven faster, with its blur; a far thing may seem to be a little elsewhere.
    Augmentation(8, (1.0, 1.4), 0.03, 0.05, 0.25, 0.06, 4.0, 6),
)))


def vary(images: np.ndarray, commands: np.ndarray, augmentation: Augmentation,
         rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """
    Return one altered copy of an episode; its length changes with its pace.

    :param images: uint8 (n, height, width, 3), an even time apart.
    :param commands: float32 (n, 3), m/s and rad/s.
    """
    pace = rng.uniform(*augmentation.pace)
    rows = np.round(np.arange(0, len(images) - 0.5, pace)).astype(int)
    rows = np.minimum(rows, len(images) - 1)
    change = _view((images.shape[1], images.shape[2]), augmentation, rng)
    return np.stack([change(images[row]) for row in rows]), commands[rows] * np.float32(pace)


def _view(size: tuple[int, int], augmentation: Augmentation,
          rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that changes every picture of a copy in the same way."""
    height, width = size
    zoom = 1.0 + rng.uniform(-augmentation.zoom, augmentation.zoom)
    dx, dy = rng.uniform(-augmentation.shift, augmentation.shift, 2) * (width, height)
    middle = np.array([width, height]) * (1.0 - zoom) / 2.0
    matrix = np.array([[zoom, 0.0, middle[0] + dx], [0.0, zoom, middle[1] + dy]])
    gains = (1.0 + rng.uniform(-augmentation.light, augmentation.light)) \
        * (1.0 + rng.uniform(-augmentation.colour, augmentation.colour, 3))
    curve = np.clip(np.arange(256)[:, None] * gains, 0, 255).astype(np.uint8)[:, None]
    blur = int(rng.integers(augmentation.blur + 1))

    def change(image: np.ndarray) -> np.ndarray:
        image = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        if blur:
            image = cv2.blur(image, (1 + blur, 1))
        noise = rng.normal(0.0, augmentation.noise, image.shape)
        return np.clip(cv2.LUT(image, curve) + noise, 0, 255).astype(np.uint8)
    return change
