"""Does the base do what it is told: commands against odometry."""

from typing import NamedTuple

import numpy as np

from mobile_vla_ros.contract import AXES, NS

STEP_S = 0.02
LONGEST_S = 1.5  # after which an answer is none to that command any more
LEAST_S = 5.0  # of both, to say anything
MOVES = 0.02  # m/s, rad/s: below it, in the square mean, an axis is not driven
SURE = 0.6  # correlation from which on one follows the other
CLEARLY = 0.2  # by which a likeness against the command must exceed one with it
SHARE = 0.2  # of the command with which a base that goes backwards does so at least
PUSHED = 0.1  # m/s, rad/s: a command that moves any base
STUCK = 0.15  # of such a command: a base that does less, in the mean of STUCK_S, is held
STUCK_S = 1.0
HELD_S = 0.5  # without a new command, after which a base stops by itself


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
    grid, told, done, _ = _together(commands, odometry)
    if len(grid) * STEP_S < LEAST_S:
        return {}
    out = {}
    for axis, one, other in zip(AXES, told.T, done.T):
        if min(_size(one), _size(other)) <= MOVES:
            continue
        lags = [(one[:len(one) - lag], other[lag:])
                for lag in range(round(LONGEST_S / STEP_S) + 1)]
        # The sign is that of velocities as they are: about its mean, a base that is held while
        # the driver pushes harder goes down as the command goes up.
        alike = np.array([_likeness(a, b) for a, b in lags])
        backwards = -alike.min() > max(SURE, alike.max() + CLEARLY) \
            and _size(other) > SHARE * _size(one)
        follows = np.array([_likeness(a - a.mean(), b - b.mean()) for a, b in lags])
        best = int(follows.argmin() if backwards else follows.argmax())
        found = min(follows[best], alike.min()) if backwards else follows[best]
        if backwards or found >= SURE and min(one.std(), other.std()) > MOVES:
            out[axis] = Response(round(best * STEP_S, 3), round(float(found), 3))
    return out


def held(commands: np.ndarray, odometry: np.ndarray) -> dict[str, float]:
    """
    Return for how many seconds each axis was told to move for long, and hardly did.

    Axes that did what they were told are left out. Parameters as of `measure`.
    """
    grid, told, done, known = _together(commands, odometry)
    long, late, out = round(LONGEST_S / STEP_S), round(STUCK_S / STEP_S), {}
    if len(grid) <= long:
        return {}
    for axis, one, other in zip(AXES, told.T, done.T):
        stuck = np.zeros(len(grid), bool)
        for sign in (1, -1):
            pushed = _of_last((sign * one > PUSHED) & known, long) > 1 - 1e-9
            little = _of_last(sign * other, late) < STUCK * _of_last(sign * one, late)
            stuck |= pushed & little
        seconds = float(stuck.sum() * STEP_S)
        if seconds >= STUCK_S:
            out[axis] = round(seconds + LONGEST_S, 1)  # it began that long before
    return out


def _together(commands, odometry) -> tuple:
    """Return times s, commands and velocities (n, 3) there, and where both are known."""
    commands, odometry = (rows[np.isfinite(rows).all(axis=1)] for rows in (commands, odometry))
    nothing = np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, bool)
    if len(commands) < 2 or len(odometry) < 2:
        return nothing
    start_ns = max(commands[0, 0], odometry[0, 0])
    seconds = (min(commands[-1, 0], odometry[-1, 0]) - start_ns) / NS
    if seconds <= 0:
        return nothing
    grid = np.arange(0.0, seconds, STEP_S)
    told_s, done_s = ((rows[:, 0] - start_ns) / NS for rows in (commands, odometry))
    last = np.searchsorted(told_s, grid, side='right') - 1
    near = np.abs(done_s[np.searchsorted(done_s, grid).clip(0, len(done_s) - 1)] - grid)
    done = np.stack([np.interp(grid, done_s, odometry[:, i]) for i in (1, 2, 3)], 1)
    return grid, commands[last, 1:], done, (grid - told_s[last] <= HELD_S) & (near <= HELD_S)


def _of_last(values, count) -> np.ndarray:
    """Return the mean of the last `count` values at each place; 0 where there are not as many."""
    total = np.concatenate([[0.0], np.cumsum(values, dtype=float)])
    out = np.zeros(len(values))
    out[count - 1:] = (total[count:] - total[:-count]) / count
    return out


def _size(values) -> float:
    return float(np.sqrt(np.mean(values ** 2)))


def _likeness(one, other) -> float:
    scale = np.sqrt((one @ one) * (other @ other))
    return float(one @ other / scale) if scale else 0.0
