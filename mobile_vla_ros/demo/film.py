"""The film and the picture of a run; drawn after it, so that drawing slows nothing down."""

from pathlib import Path

import cv2
import imageio_ffmpeg
from matplotlib import pyplot as plt
import numpy as np
from PIL import Image, ImageDraw

from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.demo import captions, chart
from mobile_vla_ros.sim.scenario import BASE_RADIUS
from mobile_vla_ros.sim.trace import Trace

SIZE = (1120, 720)  # px; multiples of 16, as H.264 wants them
CAMERA = (24, 68, 640, 480)  # left, top, width, height
MAP = (688, 68, 408, 480)
PLOT = (72, 592, 1024, 88)
FPS = 20
LINGER_S = 1.5  # on the last picture
GIF_WIDTH, GIF_FPS, GIF_BYTES = 560, 8, 2_500_000
INK, SOFT, ACCENT = map(chart.rgb255, (chart.INK, chart.SOFT, chart.ACCENT))
BITS = 4  # of OpenCV's sub-pixel coordinates


def with_arrow(rgb: np.ndarray, command: Command, size: tuple) -> np.ndarray:
    """Return the picture in (width, height) px, the velocity an arrow from its foot."""
    width, height = size
    picture = cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC)
    foot = (width // 2, height - height // 24)
    scale = height * 0.9  # px for 1 m/s
    tip = (round(foot[0] - command.linear_y * scale), round(foot[1] - command.linear_x * scale))
    thick = max(height // 70, 2)
    if np.hypot(tip[0] - foot[0], tip[1] - foot[1]) > 6 * thick:
        for color, extra in ((INK, thick // 2 + 2), ((255, 255, 255), 0)):
            cv2.arrowedLine(picture, foot, tip, color, thick + extra, cv2.LINE_AA, tipLength=0.22)
    cv2.circle(picture, foot, thick + 2, INK, -1, cv2.LINE_AA)
    cv2.circle(picture, foot, thick, (255, 255, 255), -1, cv2.LINE_AA)
    return picture


class Stage:
    """One frame of the film: what never changes is drawn once, the rest on top of a copy."""

    def __init__(self, trace: Trace, verdict: str):
        """Draw what never changes."""
        self.trace, self.verdict = trace, verdict
        self.path, self.driven = trace.path(), trace.driven()
        figure = plt.figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100,
                            facecolor=chart.PAPER)
        above, plot = (figure.add_axes(_fraction(*place)) for place in (MAP, PLOT))
        chart.scene_from_above(above, trace.scenario)
        chart.command_axes(plot, self.driven, trace.seconds)
        figure.canvas.draw()
        picture = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3])
        text, path = captions.caption(trace.scenario)
        font = captions.fitting(text, path, 27, SIZE[0] - 2 * CAMERA[0])
        ImageDraw.Draw(picture).text((CAMERA[0], 35), text, INK, font, anchor='lm')
        self._still = np.array(picture)
        self._to_map = _projection(above, self.path[:, [2, 1]])
        self._to_plot = [_projection(plot, self.driven[:, [0, i]]) for i in (1, 2, 3)]
        self._map = lambda x, y: _projection(above, np.array([[y, x]]))[0]
        self._plot_x = lambda t: _projection(plot, np.array([[t, 0.0]]))[0, 0]
        plt.close(figure)

    def draw(self, seconds: float, last: bool = False) -> np.ndarray:
        """Return RGB uint8 (720, 1120, 3) at `seconds` after the beginning."""
        trace = self.trace
        ns = trace.origin_ns + round(seconds * NS)
        command = trace.command_at(ns)
        frame = self._still.copy()
        _line(frame, self._to_map[self.path[:, 0] <= seconds], ACCENT, 3)
        self._robot(frame, *trace.pose_at(ns)[:3])
        left, top, width, height = CAMERA  # after the path, which may leave the map
        frame[top:top + height, left:left + width] = with_arrow(
            trace.image_at(ns), command, (width, height))
        for points, (_, color) in zip(self._to_plot, chart.SERIES):
            _line(frame, points[self.driven[:, 0] <= seconds], chart.rgb255(color), 2)
        x = round(self._plot_x(seconds))
        cv2.line(frame, (x, PLOT[1]), (x, PLOT[1] + PLOT[3]), SOFT, 1)
        return self._numbers(frame, seconds, command, trace.distance_at(ns), last)

    def _robot(self, frame, x, y, yaw):
        center = self._map(x, y)
        radius = np.linalg.norm(self._map(x + BASE_RADIUS, y) - center)
        nose = self._map(x + BASE_RADIUS * np.cos(yaw), y + BASE_RADIUS * np.sin(yaw))
        place, size = _fixed(center), int(radius * 2 ** BITS)
        cv2.circle(frame, place, size, ACCENT, -1, cv2.LINE_AA, BITS)
        cv2.line(frame, place, _fixed(nose), (255, 255, 255), 3, cv2.LINE_AA, BITS)

    def _numbers(self, frame, seconds, command, distance, last):
        picture = Image.fromarray(frame)
        pen = ImageDraw.Draw(picture)
        bold, plain = captions.own_font(bold=True), captions.own_font()
        # right of the names of the lines
        said = self.verdict if last else f'{seconds:4.1f} s     target {distance:4.2f} m'
        pen.text((SIZE[0] - 24, PLOT[1] - 12), said, INK, captions.sized(bold, 16), anchor='rs')
        left, top, width, _ = CAMERA
        text = (f'{_signed(command.linear_x)} m/s forward   '
                f'{_signed(command.linear_y)} m/s left   {_signed(command.angular_z)} rad/s turn')
        font = captions.sized(plain, 14)
        box = (left + 10, top + 10, left + 30 + font.getlength(text), top + 38)
        shade = Image.new('RGBA', picture.size, (0, 0, 0, 0))
        ImageDraw.Draw(shade).rounded_rectangle(box, 6, (*INK, 170))
        area = tuple(map(round, box))
        patch = shade.crop(area)
        picture.paste(patch, area[:2], patch)
        pen.text((left + 20, top + 24), text, 'white', font, anchor='lm')
        return np.asarray(picture)


def write(trace: Trace, verdict: str, film: Path, gif: Path | None = None) -> int:
    """Write the film, and perhaps a small animation of it; return the number of frames."""
    stage = Stage(trace, verdict)
    times = np.arange(0.0, trace.seconds, 1 / FPS).tolist()
    times += [trace.seconds] * round(LINGER_S * FPS)
    small = []
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


def write_gif(frames: list, path: Path, bright: list) -> None:
    """Write an endless animation in as few colours as its size wants, `bright` ones among them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [Image.fromarray(frame) for frame in frames]
    period = round(1000 / GIF_FPS)
    # One palette for all, of a few frames beneath each other, so that none flickers; small things
    # get their colours by patches.
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


def write_picture(trace: Trace, path: Path, moments: int = 4) -> None:
    """Write the run at a glance: some moments, the scene from above, commands over time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = plt.figure(figsize=(14, 8.2), dpi=100, facecolor=chart.PAPER)
    text, font = captions.caption(trace.scenario)
    figure.text(0.03, 0.94, text, fontsize=20, color=chart.INK, va='center',
                fontproperties=captions.font_manager.FontProperties(fname=font, size=20))
    driven, end = trace.driven(), trace.seconds
    for i, at in enumerate(np.linspace(0.06, 0.94, moments) * end):
        ns = trace.origin_ns + round(at * NS)
        ax = figure.add_axes((0.03 + i * 0.2375, 0.545, 0.2275, 0.34))
        ax.imshow(with_arrow(trace.image_at(ns), trace.command_at(ns), (640, 480)))
        ax.set_axis_off()
        ax.set_title(f'{at:.1f} s', loc='left', fontsize=11, color=chart.SOFT, pad=4)
    above = figure.add_axes((0.03, 0.05, 0.34, 0.465))
    chart.scene_from_above(above, trace.scenario)
    track = trace.path()
    above.plot(track[:, 2], track[:, 1], color=chart.ACCENT, lw=2.5, zorder=2.5,
               solid_capstyle='round')
    x, y, _, _ = trace.pose_at(trace.now_ns)
    above.add_patch(plt.Circle((y, x), BASE_RADIUS, color=chart.ACCENT, zorder=5))
    plot = figure.add_axes((0.425, 0.09, 0.545, 0.385))
    chart.command_axes(plot, driven, end)
    for i, (_, color) in enumerate(chart.SERIES):
        plot.plot(driven[:, 0], driven[:, 1 + i], color=color, lw=1.8)
    figure.savefig(path)
    plt.close(figure)


def _signed(value: float) -> str:
    return f'{value if abs(value) >= 0.005 else 0.0:+.2f}'.replace('-', '−')


def _small(frame):
    height = round(GIF_WIDTH * SIZE[1] / SIZE[0])
    return cv2.resize(frame, (GIF_WIDTH, height), interpolation=cv2.INTER_AREA)


def _fraction(left, top, width, height):
    return (left / SIZE[0], 1 - (top + height) / SIZE[1], width / SIZE[0], height / SIZE[1])


def _projection(ax, points):
    """Return places in px of the frame, (N, 2), for data (N, 2) of some axes."""
    if not len(points):
        return np.zeros((0, 2))
    return np.array([0.0, SIZE[1]]) + ax.transData.transform(points) * (1.0, -1.0)


def _fixed(point):
    return tuple(int(round(value * 2 ** BITS)) for value in point)


def _line(frame, points, color, width):
    if len(points) > 1:
        fixed = np.round(points * 2 ** BITS).astype(np.int32)
        cv2.polylines(frame, [fixed], False, color, width, cv2.LINE_AA, BITS)
