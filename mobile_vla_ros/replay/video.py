"""A replayed recording as a video, with the driver's command and the policy's as arrows."""

from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.images.decode import decode
from mobile_vla_ros.replay.arrows import draw_arrows, OUTLINE, PREDICTED, RECORDED
from mobile_vla_ros.replay.log import ReplayLog

WIDTH = 640  # px
RATES_HZ = (1.0, 60.0)  # lowest and highest frame rate of a video


def frame_rate(log: ReplayLog) -> float:
    """Return the video's frames a second: the recording's median rate."""
    return float(np.clip(1.0 / np.median(np.diff(log.seconds_at)), *RATES_HZ))


def write(path: Path, bag: Bag, log: ReplayLog) -> int:
    """
    Write the frames of `bag` that `log` compared, at their own rate; return how many.

    :raises ValueError: if there are fewer than two.
    """
    times, recorded, predicted = log.seconds_at, log.recorded, log.predicted
    if len(times) < 2:
        raise ValueError(f'{log.name}: too few frames for a video')
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
                writer = imageio_ffmpeg.write_frames(
                    str(path), frame.shape[1::-1], fps=frame_rate(log), codec='libx264',
                    quality=None, pix_fmt_out='yuv420p', macro_block_size=2,
                    output_params=['-crf', '21', '-preset', 'fast', '-movflags', '+faststart'])
                writer.send(None)
            writer.send(np.ascontiguousarray(frame))
            row += 1
    finally:
        if writer:
            writer.close()
    return row


def draw(rgb: np.ndarray, recorded: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return RGB uint8, WIDTH px wide and of even height, with both commands drawn in."""
    height = round(rgb.shape[0] * WIDTH / rgb.shape[1] / 2) * 2
    frame = cv2.resize(rgb, (WIDTH, height), interpolation=cv2.INTER_AREA)
    draw_arrows(frame, recorded, predicted)
    for line, (name, command, color) in enumerate((('driver', recorded, RECORDED),
                                                   ('policy', predicted, PREDICTED)), 1):
        x, y, turn = (float(value) for value in command)
        text = f'{name:<9}{x:+.2f} m/s forward  {y:+.2f} m/s left  {turn:+.2f} rad/s'
        for paint, width in ((OUTLINE, 3), (color, 1)):
            cv2.putText(frame, text, (12, 22 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.5, paint, width,
                        cv2.LINE_AA)
    return frame
