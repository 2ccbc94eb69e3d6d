"""One frame of the film: the camera's view, the scene from above, and the commands over time."""

from typing import Any

import cv2
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
import numpy as np
from PIL import Image, ImageDraw

from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.demo import captions, chart
from mobile_vla_ros.sim.scenario import BASE_RADIUS
from mobile_vla_ros.sim.trace import Trace

Area = tuple[int, int, int, int]  # left, top, width, height in px
SIZE = (1120, 720)  # px; multiples of 16, as H.264 wants them
CAMERA: Area = (24, 68, 640, 480)
MAP: Area = (688, 68, 408, 480)
PLOT: Area = (72, 592, 1024, 88)
INK, SOFT, ACCENT = map(chart.rgb255, (chart.INK, chart.SOFT, chart.ACCENT))
BITS = 4  # of OpenCV's sub-pixel coordinates


def with_arrow(rgb: np.ndarray, command: Command, size: tuple[int, int]) -> np.ndarray:
    """Return the picture in (width, height) px with the velocity as an arrow from its foot."""
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
    """Draws the frames: what never changes is drawn once, the rest over a copy of it."""

    def __init__(self, trace: Trace, verdict: str):
        """Take a finished trace and how it ended, in words."""
        self.trace, self.verdict = trace, verdict
        self.path, self.driven = trace.path(), trace.driven()
        figure = plt.figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100,
                            facecolor=chart.PAPER)
        above, plot = (figure.add_axes(_fraction(*place)) for place in (MAP, PLOT))
        chart.scene_from_above(above, trace.scenario)
        chart.command_axes(plot, self.driven, trace.seconds)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
        text, path = captions.caption(trace.scenario)
        font = captions.fitting(text, path, 27, SIZE[0] - 2 * CAMERA[0])
        ImageDraw.Draw(picture).text((CAMERA[0], 35), text, INK, font, anchor='lm')
        self._still = np.array(picture)
        self._to_map = _projection(above, self.path[:, [2, 1]])
        self._to_plot = [_projection(plot, self.driven[:, [0, i]]) for i in (1, 2, 3)]
        self._above, self._plot = above, plot
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
        x = round(_projection(self._plot, np.array([[seconds, 0.0]]))[0, 0])
        cv2.line(frame, (x, PLOT[1]), (x, PLOT[1] + PLOT[3]), SOFT, 1)
        return self._numbers(frame, seconds, command, trace.distance_at(ns), last)

    def _map(self, x: float, y: float) -> np.ndarray:
        """Return the place in the frame, (2,) in px, of a place in the scene, m."""
        place: np.ndarray = _projection(self._above, np.array([[y, x]]))[0]
        return place

    def _robot(self, frame: np.ndarray, x: float, y: float, yaw: float) -> None:
        center = self._map(x, y)
        radius = np.linalg.norm(self._map(x + BASE_RADIUS, y) - center)
        nose = self._map(x + BASE_RADIUS * np.cos(yaw), y + BASE_RADIUS * np.sin(yaw))
        place, size = _fixed(center), int(radius * 2 ** BITS)
        cv2.circle(frame, place, size, ACCENT, -1, cv2.LINE_AA, BITS)
        cv2.line(frame, place, _fixed(nose), (255, 255, 255), 3, cv2.LINE_AA, BITS)

    def _numbers(self, frame: np.ndarray, seconds: float, command: Command, distance: float,
                 last: bool) -> np.ndarray:
        picture = Image.fromarray(frame)
        pen = ImageDraw.Draw(picture)
        bold, plain = captions.own_font(bold=True), captions.own_font()
        status = self.verdict if last else f'{seconds:4.1f} s     target {distance:4.2f} m'
        pen.text((SIZE[0] - 24, PLOT[1] - 12), status, INK, captions.sized(bold, 16), anchor='rs')
        left, top, width, _ = CAMERA
        text = (f'{_signed(command.linear_x)} m/s forward   '
                f'{_signed(command.linear_y)} m/s left   {_signed(command.angular_z)} rad/s turn')
        font = captions.sized(plain, 14)
        area = (left + 10, top + 10, round(left + 30 + font.getlength(text)), top + 38)
        shade = Image.new('RGBA', picture.size, (0, 0, 0, 0))
        ImageDraw.Draw(shade).rounded_rectangle(area, 6, (*INK, 170))
        patch = shade.crop(area)
        picture.paste(patch, area[:2], patch)
        pen.text((left + 20, top + 24), text, 'white', font, anchor='lm')
        return np.asarray(picture)


def _signed(value: float) -> str:
    return f'{value if abs(value) >= 0.005 else 0.0:+.2f}'.replace('-', '−')


def _fraction(left: int, top: int, width: int,
              height: int) -> tuple[float, float, float, float]:
    """Return an area as matplotlib takes it: left, bottom, width, height, shares of SIZE."""
    return (left / SIZE[0], 1 - (top + height) / SIZE[1], width / SIZE[0], height / SIZE[1])


def _projection(ax: Any, points: np.ndarray) -> np.ndarray:
    """Return the places in the frame, (N, 2) in px, of data (N, 2) of some axes."""
    if not len(points):
        return np.zeros((0, 2))
    places: np.ndarray = np.array([0.0, SIZE[1]]) + ax.transData.transform(points) * (1.0, -1.0)
    return places


def _fixed(point: np.ndarray) -> tuple[int, int]:
    """Return a point in OpenCV's sub-pixel coordinates."""
    x, y = (int(round(value * 2 ** BITS)) for value in point)
    return x, y


def _line(frame: np.ndarray, points: np.ndarray, color: tuple[int, int, int],
          width: int) -> None:
    if len(points) > 1:
        fixed = np.round(points * 2 ** BITS).astype(np.int32)
        cv2.polylines(frame, [fixed], False, color, width, cv2.LINE_AA, BITS)
