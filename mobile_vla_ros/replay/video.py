"""A replayed recording as a video, with what was driven and what the policy would have."""

from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.bags import Bag, decode
from mobile_vla_ros.replay.log import Drive

WIDTH = 640  # px
RECORDED, PREDICTED = (210, 214, 220), (213, 94, 0)  # RGB
FULL = 0.45  # of the picture's height for 1 m/s
TURN = 0.25  # m/s to the left as which 1 rad/s is drawn


def write(path: Path, bag: Bag, drive: Drive) -> int:
    """
    Write the frames of `bag` that `drive` compared, at their own rate; return how many.

    :raises ValueError: if there are none.
    """
    times, recorded, predicted = drive.seconds_at, drive.recorded, drive.predicted
    if len(times) < 2:
        raise ValueError(f'{drive.name}: too few frames for a video')
    fps = float(np.clip(1.0 / np.median(np.diff(times)), 1.0, 60.0))
    path.parent.mkdir(parents=True, exist_ok=True)
    writer, zero_ns, row = None, None, 0
    try:
        for event in bag.events():
            zero_ns = event.received_ns if zero_ns is None else zero_ns
            if event.kind != 'image' or row == len(times) \
                    or (event.received_ns - zero_ns) / NS < times[row] - 1e-6:
                continue
            frame = draw(decode(event.value), recorded[row], predicted[row])
            if writer is None:
                size = frame.shape[1::-1]
                writer = imageio_ffmpeg.write_frames(
                    str(path), size, fps=fps, codec='libx264', quality=None,
                    pix_fmt_out='yuv420p', macro_block_size=2,
                    output_params=['-crf', '21', '-preset', 'fast', '-movflags', '+faststart'])
                writer.send(None)
            writer.send(np.ascontiguousarray(frame))
            row += 1
    finally:
        if writer:
            writer.close()
    return row


def draw(rgb: np.ndarray, recorded, predicted) -> np.ndarray:
    """Return RGB uint8 of WIDTH px, its height even, with both commands as arrows and numbers."""
    height = round(rgb.shape[0] * WIDTH / rgb.shape[1] / 2) * 2
    frame = cv2.resize(rgb, (WIDTH, height), interpolation=cv2.INTER_AREA)
    foot = (WIDTH // 2, height - 24)
    # The wider one beneath shows where both agree.
    for name, command, color, thick, line in (('recorded', recorded, RECORDED, 11, 1),
                                              ('policy', predicted, PREDICTED, 4, 2)):
        x, y, turn = (float(value) for value in command)
        tip = (round(foot[0] - (y + TURN * turn) * FULL * height),
               round(foot[1] - x * FULL * height))
        for paint, extra in (((20, 24, 28), 4), (color, 0)):
            cv2.arrowedLine(frame, foot, tip, paint, thick + extra, cv2.LINE_AA, tipLength=0.2)
        text = f'{name:<9}{x:+.2f} m/s forward  {y:+.2f} m/s left  {turn:+.2f} rad/s'
        for paint, width in (((20, 24, 28), 3), (color, 1)):
            cv2.putText(frame, text, (12, 22 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.5, paint, width,
                        cv2.LINE_AA)
    return frame
