"""The two drawings beside the camera's view: the scene from above, and commands over time."""

from typing import Any

import matplotlib
from matplotlib.patches import Circle, Rectangle
import numpy as np

from mobile_vla_ros.sim.scenario import BOTTLE_RADIUS, Scenario, STOP_WITHIN

matplotlib.use('Agg')
INK, SOFT, PAPER, FLOOR = '#1f2933', '#6b7785', '#ffffff', '#f1f3f5'
ACCENT = '#0072b2'  # the robot and its path; everybody can tell Okabe and Ito's colours apart
SERIES = (('forward (m/s)', '#0072b2'), ('left (m/s)', '#d55e00'), ('turn (rad/s)', '#009e73'))


def rgb255(color: str) -> tuple[int, int, int]:
    """Return a hex colour as (r, g, b), 0..255."""
    red, green, blue = (int(color[i:i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def scene_from_above(ax: Any, scenario: Scenario) -> None:
    """Draw boxes, bottles and the start, in m; forward is up, left is left."""
    ax.set_facecolor(FLOOR)
    for box in scenario.boxes:
        ax.add_patch(Rectangle((box.y - box.half[1], box.x - box.half[0]), 2 * box.half[1],
                               2 * box.half[0], facecolor=box.rgb, edgecolor=INK, lw=1.2))
    for bottle in scenario.bottles:
        ax.add_patch(Circle((bottle.y, bottle.x), BOTTLE_RADIUS * 1.3, facecolor=bottle.rgb,
                            edgecolor=INK, lw=0.8, zorder=3))
    target = scenario.target
    ax.add_patch(Circle((target.y, target.x), STOP_WITHIN, fill=False, edgecolor=INK, lw=1.1,
                        ls=(0, (4, 3)), zorder=2))
    ax.add_patch(Circle((target.y, target.x), BOTTLE_RADIUS * 2.4, fill=False, edgecolor=INK,
                        lw=2.0, zorder=3))
    x, y, _ = scenario.start
    ax.plot([y], [x], marker='o', ms=7, mfc=PAPER, mec=ACCENT, mew=1.8, zorder=4)
    ax.annotate('start', (y, x), (12, -4), textcoords='offset points', color=SOFT, fontsize=9)
    ys = [bottle.y for bottle in scenario.bottles] + [y]
    middle = (min(ys) + max(ys)) / 2
    low, high = min(x, 0.0) - 0.35, max(bottle.x for bottle in scenario.bottles) + 0.45
    bounds = ax.get_window_extent()
    half = (high - low) * bounds.width / bounds.height / 2
    ax.set_xlim(middle + half, middle - half)  # y grows to the left
    ax.set_ylim(low, high)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.plot([middle + half * 0.92, middle + half * 0.92 - 0.5], [low + 0.14] * 2, color=SOFT, lw=2)
    ax.annotate('0.5 m', (middle + half * 0.92 - 0.25, low + 0.14), (0, 4), ha='center',
                textcoords='offset points', color=SOFT, fontsize=9)
    for spine in ax.spines.values():
        spine.set_visible(False)


def command_axes(ax: Any, driven: np.ndarray, seconds: float) -> None:
    """Prepare axes for commands (N, 4): t s, m/s, m/s, rad/s; the lines are drawn elsewhere."""
    top = max(float(np.abs(driven[:, 1:]).max()) if len(driven) else 0.0, 0.3) * 1.15
    low = min(float(driven[:, 1:].min()) if len(driven) else 0.0, -0.1) * 1.3
    ax.set_xlim(0.0, max(seconds, 1.0))
    ax.set_ylim(low, top)
    ax.axhline(0.0, color=SOFT, lw=0.8)
    ax.tick_params(colors=SOFT, labelsize=9, length=0)
    ax.grid(axis='y', color='#e3e7eb', lw=0.8)
    ax.set_axisbelow(True)
    ax.set_xlabel('time (s)', color=SOFT, fontsize=9, labelpad=2)
    for spine in ax.spines.values():
        spine.set_visible(False)
    place = 0.0
    for name, color in SERIES:  # names in the lines' colours are read faster than a legend
        text = ax.text(place, 1.03, name, transform=ax.transAxes, color=color, fontsize=10,
                       fontweight='bold', va='bottom')
        width = text.get_window_extent().width / ax.get_window_extent().width
        place += width + 18 / ax.get_window_extent().width
