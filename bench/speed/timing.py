"""Times of calls, taken in turn."""

from collections.abc import Callable
from pathlib import Path
import time

import numpy as np

from bench.paths import ROOT


def medians_ms(repeats: int, calls: int, **sides: Callable[[], object]) -> dict[str, float]:
    """Call the sides in turn; return the median over repeats of each one's median."""
    found = {name: [] for name in sides}
    for _ in range(repeats):
        for name, call in sides.items():
            call()
            took = []
            for _ in range(calls):
                started = time.perf_counter()
                call()
                took.append(1e3 * (time.perf_counter() - started))
            found[name].append(np.median(took))
    return {name: float(np.median(values)) for name, values in found.items()}


def out_folder() -> Path:
    """Return the folder for what a measurement writes; it is made if it is not there."""
    (ROOT / 'out').mkdir(exist_ok=True)
    return ROOT / 'out'
