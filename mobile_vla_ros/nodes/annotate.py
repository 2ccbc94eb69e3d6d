"""Draw a command into the frame it was planned for."""

import cv2
import numpy as np

from mobile_vla_ros.contract import Command

GREEN, WHITE = (60, 220, 60), (255, 255, 255)


def annotate(rgb: np.ndarray, command: Command, line: str) -> np.ndarray:
    """
    Return a copy of a frame with the command and one line of text drawn in.

    An arrow is the velocity, seen from above; a bar at the foot is the turn.

    :param rgb: (height, width, 3) uint8.
    """
    picture = np.array(rgb, order='C')
    height, width = picture.shape[:2]
    foot = (width // 2, height - 10)
    scale = height / 2.0  # pixels for 1 m/s
    tip = (int(foot[0] - command.linear_y * scale), int(foot[1] - command.linear_x * scale))
    cv2.arrowedLine(picture, foot, tip, GREEN, 3)
    turn = int(np.clip(command.angular_z, -3.0, 3.0) * width / 8)
    cv2.line(picture, (width // 2, height - 4), (width // 2 - turn, height - 4), GREEN, 4)
    text = line.encode('ascii', 'replace').decode()  # all that OpenCV's fonts have
    cv2.putText(picture, text[:90], (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, WHITE, 1, cv2.LINE_AA)
    return picture
