"""A row of the scoreboard, and how much is measured."""

from dataclasses import asdict, dataclass, field

import numpy as np


@dataclass(frozen=True)
class Size:
    """How much is measured; the defaults are the full run."""

    repeats: int = 5
    frames: int = 100  # over DDS, each repeat
    calls: int = 60  # of functions that take milliseconds, each repeat
    record_s: float = 60.0
    drive_s: float = 60.0  # of a bag
    scenes: int = 8  # simulated drives
    growth: int = 10
    learned: int = 1000  # frames of features to train on, and `growth` times as many


SHORT = Size(repeats=1, frames=30, calls=15, record_s=3.0, drive_s=3.0, scenes=2, growth=3,
             learned=200)


@dataclass(frozen=True)
class Row:
    """
    One figure beside its rival's, of the same run.

    `ratio` says how many times ours is better, `ok` whether every part of the goal is met.
    `also` has the other parts of the goal in words.
    """

    id: str
    figure: str
    unit: str
    ours: float
    rival: float | None
    beside: str
    ratio: float | None
    goal: str
    ok: bool
    also: str = ''
    details: dict = field(default_factory=dict)

    def as_dict(self) -> dict:
        """Return plain values."""
        return asdict(self)


def median(runs: list, *path: str) -> float:
    """Return the median over runs of the value at `path` in each; a missing one is infinite."""
    values = []
    for run in runs:
        for name in path:
            run = run[name]
        values.append(np.inf if run is None else run)
    return float(np.median(values))
