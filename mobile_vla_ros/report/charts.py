"""Curves and histograms as SVG: they take the page's colours and fit every width."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

POINTS = 1500  # of a curve, beyond which it is thinned without losing its peaks
LEAST = 0.2  # m/s, rad/s: the smallest range of an axis
WIDTH, HEIGHT = 1000, 100  # of the drawing, whatever the screen's


@dataclass(frozen=True)
class Curve:
    """A line over time; NaN interrupts it."""

    look: str  # driver, policy or sent: a class of the style sheet
    times: np.ndarray  # s
    values: np.ndarray


@dataclass(frozen=True)
class Mark:
    """A numbered moment, linked to the place on the page that shows it."""

    seconds: float
    number: int
    target: str  # the id of that place


def curves(title: str, lines: Sequence[Curve], length_s: float, marks: Sequence[Mark] = (),
           bands: Iterable[tuple[float, float, str]] = (), numbers: bool = False) -> str:
    """
    Return curves over 0..length_s on one axis, with a cursor that a script may move.

    :param title: plain text, with the unit.
    :param bands: (from s, to s, what it is), shaded.
    :param numbers: show the marks' numbers.
    """
    values = np.concatenate([line.values for line in lines])
    values = values[np.isfinite(values)]
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if high - low < LEAST:  # what hardly changes looks so
        low, high = min(low, high - LEAST / 2), max(high, low + LEAST / 2)
    ticks = _ticks(low, high)
    low, high = ticks[0], ticks[-1]

    def x(seconds: float) -> float:
        return WIDTH * seconds / length_s

    def y(value: float) -> float:
        return HEIGHT * (high - value) / (high - low)
    shapes = [f'<rect class="band" x="{x(start):.1f}" y="0" height="{HEIGHT}" '
              f'width="{max(1.0, x(end) - x(start)):.1f}"><title>{escape(words)}</title></rect>'
              for start, end, words in bands]
    shapes += [f'<line class="grid{" zero" * (abs(tick) < 1e-9)}" x1="0" x2="{WIDTH}" '
               f'y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>' for tick in ticks]
    shapes += [f'<line class="mark" x1="{x(mark.seconds):.1f}" x2="{x(mark.seconds):.1f}" y1="0" '
               f'y2="{HEIGHT}"/>' for mark in marks]
    shapes += [f'<path class="{line.look}" d="{_path(line, x, y)}"/>' for line in lines]
    labels = [f'<span class="y" style="top:{y(tick):.1f}%">{_number(tick)}</span>'
              for tick in ticks]
    labels += [f'<a href="#{mark.target}" style="left:{100 * mark.seconds / length_s:.2f}%">'
               f'{mark.number}</a>' for mark in marks if numbers]
    return (f'<div class="chart"><b>{escape(title)}</b><div class="plot">'
            f'{_svg(shapes, title)}{"".join(labels)}<i class="cursor" style="left:0"></i></div>'
            '</div>')


def time_axis(length_s: float) -> str:
    """Return the labels below several `curves`."""
    ticks = [tick for tick in _ticks(0.0, length_s) if tick <= length_s]
    shown = ''.join(
        f'<span class="x{" first" * (tick == 0.0)}{" last" * (tick > 0.97 * length_s)}" '
        f'style="left:{100 * tick / length_s:.1f}%">{_number(tick)} s</span>' for tick in ticks)
    return f'<div class="plot axis" style="height:0">{shown}</div><div class="axis"></div>'


def histogram(title: str, counts: Sequence[int], edges: Sequence[float],
              look: str = 'sent') -> str:
    """Return bars of `counts` between `edges`; the title has the unit."""
    low, high, top = edges[0], edges[-1], max(1, *counts)

    def x(value: float) -> float:
        return WIDTH * (value - low) / (high - low)
    shapes = [f'<rect class="bar" x="{x(start):.1f}" width="{max(0.5, x(end) - x(start)):.1f}" '
              f'y="{HEIGHT - HEIGHT * count / top:.1f}" height="{HEIGHT * count / top:.1f}"/>'
              for count, start, end in zip(counts, edges, edges[1:]) if count]
    shapes.append(f'<line class="grid zero" x1="0" x2="{WIDTH}" y1="{HEIGHT}" y2="{HEIGHT}"/>')
    ticks = [tick for tick in _ticks(low, high) if low <= tick <= high]
    labels = [f'<span class="x" style="left:{x(tick) / WIDTH:.1%}">{_number(tick)}</span>'
              for tick in ticks]
    return (f'<div class="chart"><b>{escape(title)}</b><div class="plot low {look}">'
            f'{_svg(shapes, title)}{"".join(labels)}</div><div class="axis"></div></div>')


def rates(rows: Iterable[tuple[str, float, float, float, str]]) -> str:
    """Return (name, share, low, high, words) as dots on 0..100 %, with their intervals."""
    shown = ''.join(
        f'<span>{escape(name)}</span><div class="rate"><i style="left:{low:.1%};'
        f'width:{high - low:.1%}"></i><b style="left:{share:.1%}"></b></div>'
        f'<span class="note">{escape(words)}</span>' for name, share, low, high, words in rows)
    return f'<div class="rates">{shown}</div>'


def bars(title: str, rows: Sequence[tuple[str, str, float]], unit: str) -> str:
    """Return (name, look, value) as bars from 0 on."""
    top = max(value for *_, value in rows) or 1.0
    shown = ''.join(
        f'<span>{escape(name)}</span><div class="rate bare"><u class="{look}" '
        f'style="width:{value / top:.1%}"></u></div><span class="note">{value:.2g} {unit}</span>'
        for name, look, value in rows)
    return f'<div class="chart"><b>{escape(title)}</b><div class="rates">{shown}</div></div>'


def _svg(shapes: Iterable[str], title: str) -> str:
    return (f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
            f'aria-label="{escape(title)}">{"".join(shapes)}</svg>')


def _ticks(low: float, high: float) -> list[float]:
    """Return round values from `low` or below to `high` or above."""
    from matplotlib.ticker import MaxNLocator
    if high - low < 1e-6:
        low, high = low - 0.1, high + 0.1
    return [float(tick) for tick in MaxNLocator(4).tick_values(low, high)]


def _number(value: float) -> str:
    return f'{value:.3g}'.replace('-', '\u2212') if abs(value) > 1e-9 else '0'


def _path(line: Curve, x: Callable[[float], float], y: Callable[[float], float]) -> str:
    """Return the line as SVG path data, with a new piece after every NaN."""
    commands, pen = [], 'M'
    for seconds, value in zip(*_thinned(line.times, line.values)):
        if np.isfinite(value):
            commands.append(f'{pen}{x(seconds):.1f} {y(value):.1f}')
            pen = 'L'
        else:
            pen = 'M'
    return ''.join(commands)


def _thinned(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return at most some POINTS of a curve: the lowest and the highest of each stretch."""
    size = -(-2 * len(values) // POINTS)
    if size <= 2:
        return times, values
    kept: list[int] = []
    for start in range(0, len(values), size):
        stretch = values[start:start + size]
        if not np.isfinite(stretch).all():
            kept += range(start, start + len(stretch))
        else:
            kept += sorted({start + int(stretch.argmin()), start + int(stretch.argmax())})
    return times[kept], values[kept]
