"""The film of a run, and a small animation of it; made after the run, to slow nothing down."""

from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
from PIL import Image

from mobile_vla_ros.demo.stage import SIZE, Stage
from mobile_vla_ros.sim.trace import Trace

FPS = 20
LINGER_S = 1.5  # on the last picture
GIF_WIDTH, GIF_FPS, GIF_BYTES = 560, 8, 2_500_000


def write(trace: Trace, verdict: str, film: Path, gif: Path | None = None) -> int:
    """Write the film, and a small animation of it if `gif` is given; return the frames written."""
    stage = Stage(trace, verdict)
    times = np.arange(0.0, trace.seconds, 1 / FPS).tolist()
    times += [trace.seconds] * round(LINGER_S * FPS)
    small: list[np.ndarray] = []
    film.parent.mkdir(parents=True, exist_ok=True)
    writer = imageio_ffmpeg.write_frames(
        str(film), SIZE, fps=FPS, codec='libx264', quality=None, pix_fmt_out='yuv420p',
        output_params=['-crf', '21', '-preset', 'fast', '-movflags', '+faststart'])
    writer.send(None)
    next_small = 0.0
    try:
        for number, at in enumerate(times):
            frame = stage.draw(at, last=at >= trace.seconds)
            writer.send(np.ascontiguousarray(frame))
            if gif and number / FPS >= next_small and at < trace.seconds:
                next_small += 1 / GIF_FPS
                small.append(_small(frame))
    finally:
        writer.close()
    if gif:
        colors = [bottle.rgb for bottle in trace.scenario.bottles]
        write_gif([*small, _small(frame)], gif, colors)
    return len(times)


def write_gif(frames: list[np.ndarray], path: Path,
              bright: list[tuple[float, float, float]]) -> None:
    """Write an endless animation, with few enough colours for GIF_BYTES; it keeps `bright`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [Image.fromarray(frame) for frame in frames]
    period = round(1000 / GIF_FPS)
    # All frames share one palette, made of a few of them, so that nothing flickers; patches give
    # small things their colours.
    patches = [np.full((40, GIF_WIDTH, 3), np.multiply(color, 255 * light), np.uint8)
               for color in bright for light in (0.5, 0.8, 1.0)]
    some = [*frames[::max(len(frames) // 6, 1)], *patches]
    for colors in (240, 160, 96, 64, 40, 24):
        palette = Image.fromarray(np.vstack(some)).quantize(colors, Image.Quantize.MEDIANCUT)
        flat = [picture.quantize(palette=palette, dither=Image.Dither.NONE)
                for picture in pictures]
        flat[0].save(path, save_all=True, append_images=flat[1:], loop=0, optimize=False,
                     duration=[period] * (len(flat) - 1) + [2500])
        if path.stat().st_size <= GIF_BYTES:
            return


def _small(frame: np.ndarray) -> np.ndarray:
    height = round(GIF_WIDTH * SIZE[1] / SIZE[0])
    return cv2.resize(frame, (GIF_WIDTH, height), interpolation=cv2.INTER_AREA)
