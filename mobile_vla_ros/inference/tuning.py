"""Which backend runs a runtime file fastest on this machine, and with how many threads."""

from importlib.util import find_spec
import os
from pathlib import Path
import time
from typing import Any

import numpy as np

from mobile_vla_ros.contract import RUNTIMES
from mobile_vla_ros.parallel import alone

# Every 50 ms, as the drive node calls: cores that slept in between are slower.
CALLS, EVERY_S = 60, 0.05
WARM_UP = 10  # calls that are not counted


def tune(path: Path, every_s: float = EVERY_S) -> list[dict[str, Any]]:
    """
    Return a row for each way to run the file here, the fastest first: backend, threads, ms.

    :param every_s: seconds between calls.
    :raises ValueError: as `load_policy`.
    """
    rows = []
    for backend in filter(find_spec, RUNTIMES):
        for threads in sorted({1, os.cpu_count() or 1}):
            median, p99 = alone(_measure, path, backend, threads, every_s)
            rows.append({'backend': backend, 'threads': threads,
                         'ms': round(median, 2), 'ms_p99': round(p99, 2)})
    return sorted(rows, key=lambda row: row['ms'])


def _measure(path: Path, backend: str, threads: int, every_s: float) -> tuple[float, float]:
    """Return the median and the 99th percentile of a call, ms."""
    from mobile_vla_ros.inference.policy import load_policy
    policy = load_policy(path, backend, threads)
    rgb = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    taken = []
    for number in range(CALLS):
        time.sleep(every_s)
        started = time.perf_counter()
        policy.plan(rgb, 'go left', number * 50_000_000)
        taken.append(1e3 * (time.perf_counter() - started))
    median, p99 = np.percentile(taken[WARM_UP:], (50, 99)).tolist()
    return median, p99
