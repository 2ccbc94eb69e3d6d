"""What recordings show together: how many of each kind, and how often each command."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from mobile_vla_ros.contract import AXES
from mobile_vla_ros.data.checkup import Checkup
from mobile_vla_ros.sim.language import parse_instruction

BINS = 41  # of a histogram


Counts = dict[str, dict[str, int]]  # label -> its values -> recordings


def balance(checkups: Sequence[Checkup]) -> Counts:
    """
    Return how many recordings have each side, colour, instruction, scenario and distance.

    `none` counts instructions without side or colour; a missing label is not counted.
    """
    sides: Counter[str] = Counter()
    colors: Counter[str] = Counter()
    texts: Counter[str] = Counter()
    for checkup in checkups:
        for text in checkup.instructions:
            try:
                side, color = parse_instruction(text)
            except ValueError:
                side = color = None
            sides[side or 'none'] += 1
            colors[color or 'none'] += 1
        texts.update(checkup.instructions)
    scenarios = Counter(checkup.scenario for checkup in checkups if checkup.scenario)
    distances = Counter(checkup.distance for checkup in checkups if checkup.distance)
    return {'sides': dict(sides), 'colors': dict(colors), 'instructions': dict(texts),
            'scenarios': dict(scenarios), 'distances': dict(distances)}


def histograms(checkups: Sequence[Checkup]) -> dict[str, dict[str, Any]]:
    """Return for each axis how many commands lie between edges (m/s, m/s, rad/s)."""
    commands = np.concatenate([np.zeros((0, 3)), *(checkup.commands for checkup in checkups)])
    out = {}
    for axis, values in zip(AXES, commands.T):
        low, high = (values.min(), values.max()) if len(values) else (0.0, 0.0)
        if high - low < 1e-6:  # numpy widens it only where there is no difference at all
            low, high = low - 0.5, high + 0.5
        counts, edges = np.histogram(values, BINS, (low, high))
        out[axis] = {'edges': edges.round(6).tolist(), 'counts': counts.tolist()}
    return out
