"""A run at a glance: some moments, the scene from above, and the commands over time."""

from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Circle
import numpy as np

from mobile_vla_ros.contract import NS
from mobile_vla_ros.demo import captions, chart
from mobile_vla_ros.demo.stage import with_arrow
from mobile_vla_ros.sim.scenario import BASE_RADIUS
from mobile_vla_ros.sim.trace import Trace


def write(trace: Trace, path: Path, moments: int = 4) -> None:
    """Write the picture of a run to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = plt.figure(figsize=(14, 8.2), dpi=100, facecolor=chart.PAPER)
    text, font = captions.caption(trace.scenario)
    figure.text(0.03, 0.94, text, fontsize=20, color=chart.INK, va='center',
                fontproperties=FontProperties(fname=font, size=20))
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
    above.add_patch(Circle((y, x), BASE_RADIUS, color=chart.ACCENT, zorder=5))
    plot = figure.add_axes((0.425, 0.09, 0.545, 0.385))
    chart.command_axes(plot, driven, end)
    for i, (_, color) in enumerate(chart.SERIES):
        plot.plot(driven[:, 0], driven[:, 1 + i], color=color, lw=1.8)
    figure.savefig(path)
    plt.close(figure)
