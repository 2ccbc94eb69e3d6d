"""Which backend runs a runtime file fastest on this machine, and with how many threads."""

from importlib.util import find_spec
import os
from pathlib import Path
import time

import numpy as np

from mobile_vla_ros.inference.backends import RUNTIME
from mobile_vla_ros.parallel import alone

CALLS, EVERY_S = 60, 0.05  # as the drive node calls: cores that slept in between are slower


def tune(path: Path, every_s: float = EVERY_S) -> list[dict]:
    """
    Return a row for each way to run the file here, the fastest first: backend, threads, ms.

    :param every_s: seconds between calls.
    :raises ValueError: as `load_policy`.
    """
    rows = []
    for backend in filter(find_spec, RUNTIME):
        for threads in sorted({1, os.cpu_count() or 1}):
            took = alone(_measure, path, backend, threads, every_s)
            rows.append({'backend': backend, 'threads': threads,
                         'ms': round(took[0], 2), 'ms_p99': round(took[1], 2)})
    return sorted(rows, key=lambda row: row['ms'])


def _measure(path, backend, threads, every_s) -> tuple:
    from mobile_vla_ros.inference.policy import load_policy
    policy, took = load_policy(path, backend, threads), []
    rgb = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    for number in range(CALLS):
        time.sleep(every_s)
        started = time.perf_counter()
        policy.plan(rgb, 'go left', number * 50_000_000)
        took.append(1e3 * (time.perf_counter() - started))
    return tuple(np.percentile(took[10:], (50, 99)).tolist())
