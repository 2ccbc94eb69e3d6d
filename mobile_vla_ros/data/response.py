"""Does the base do what it is told: commands against odometry, by cross-correlation."""

from typing import NamedTuple

import numpy as np

from mobile_vla_ros.contract import AXES, NS

STEP_S = 0.02
LONGEST_S = 1.5  # after which an answer is none to that command any more
LEAST_S = 5.0  # of both, to say anything
MOVES = 0.02  # m/s, rad/s: standard deviation below which an axis is not driven
SURE = 0.6  # correlation from which on one follows the other
CLEARLY = 0.2  # by which a correlation against the command must exceed one with it


class Response(NamedTuple):
    """How an axis answers: after how long, and how closely; a negative correlation: backwards."""

    delay_s: float
    correlation: float


def measure(commands: np.ndarray, odometry: np.ndarray) -> dict[str, Response]:
    """
    Return the response of every axis that is driven and that surely answers, either way.

    :param commands: (n, 4): ns, m/s, m/s, rad/s; each holds until the next.
    :param odometry: (m, 4): the same of what was measured.
    """
    commands, odometry = (rows[np.isfinite(rows).all(axis=1)] for rows in (commands, odometry))
    if len(commands) < 2 or len(odometry) < 2:
        return {}
    start_ns = max(commands[0, 0], odometry[0, 0])
    seconds = (min(commands[-1, 0], odometry[-1, 0]) - start_ns) / NS
    if seconds < LEAST_S:
        return {}
    grid = np.arange(0.0, seconds, STEP_S)
    told_s, done_s = ((rows[:, 0] - start_ns) / NS for rows in (commands, odometry))
    held = np.searchsorted(told_s, grid, side='right') - 1
    out = {}
    for i, axis in enumerate(AXES, 1):
        told, done = commands[held, i], np.interp(grid, done_s, odometry[:, i])
        if min(told.std(), done.std()) > MOVES:
            found = np.array([_correlation(told[:len(told) - lag], done[lag:])
                              for lag in range(round(LONGEST_S / STEP_S) + 1)])
            against = -found.min() > max(SURE, found.max() + CLEARLY)
            best = found.argmin() if against else found.argmax()
            if against or found[best] >= SURE:
                out[axis] = Response(round(int(best) * STEP_S, 3), round(float(found[best]), 3))
    return out


def _correlation(one, other) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = np.sqrt((one @ one) * (other @ other))
    return float(one @ other / scale) if scale else 0.0
