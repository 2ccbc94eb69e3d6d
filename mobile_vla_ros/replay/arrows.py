"""Two commands as arrows in a camera picture: where the driver went, where the policy would."""

from collections.abc import Sequence

import cv2
import numpy as np

RECORDED, PREDICTED, OUTLINE = (210, 214, 220), (213, 94, 0), (20, 24, 28)  # RGB
FULL = 0.45  # of the picture's height, for 1 m/s
TURN = 0.25  # m/s to the left as which a turn of 1 rad/s is drawn


def draw_arrows(rgb: np.ndarray, recorded: Sequence[float] | np.ndarray,
                predicted: Sequence[float] | np.ndarray) -> None:
    """
    Draw the driver's command (grey, wide) and the policy's (orange, thin) into uint8 RGB.

    Up is forward, left is to the left or a turn to the left. The wide arrow lies beneath, so
    that both show where they agree.
    """
    height, width = rgb.shape[:2]
    unit = height / 480  # the widths below are for pictures of this height
    foot = (width // 2, height - round(24 * unit))
    for command, color, thick in ((recorded, RECORDED, 11), (predicted, PREDICTED, 4)):
        x, y, turn = (float(value) for value in command)
        tip = (round(foot[0] - (y + TURN * turn) * FULL * height),
               round(foot[1] - x * FULL * height))
        for paint, extra in ((OUTLINE, 4), (color, 0)):
            cv2.arrowedLine(rgb, foot, tip, paint, max(1, round((thick + extra) * unit)),
                            cv2.LINE_AA, tipLength=0.2)
