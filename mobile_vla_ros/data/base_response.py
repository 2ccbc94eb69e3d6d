"""Does the base do what it is told: commands against odometry."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mobile_vla_ros.contract import AXES, NS

STEP_S = 0.02
LONGEST_S = 1.5  # from a command to its answer, at most
LEAST_S = 5.0  # of commands and odometry together, to say anything
MOVES = 0.02  # m/s, rad/s: an axis with a smaller root mean square is not driven
SURE = 0.6  # correlation from which on one follows the other
CLEARLY = 0.2  # by how much likeness against the command must exceed likeness with it
SHARE = 0.2  # of the command: a base that goes backwards is at least as fast
PUSHED = 0.1  # m/s, rad/s: a command that moves any base
STUCK = 0.15  # of such a command: a base that is slower, in the mean of STUCK_S, is held
STUCK_S = 1.0
HELD_S = 0.5  # without a new command, after which a base stops by itself

Rows = npt.NDArray[np.float64]


class Response(NamedTuple):
    """How late and how closely an axis answers; with a negative correlation it goes backwards."""

    delay_s: float
    correlation: float


def measure(commands: Rows, odometry: Rows) -> dict[str, Response]:
    """
    Return the response of every axis that is driven and surely answers, forwards or backwards.

    :param commands: (n, 4): ns, m/s, m/s, rad/s; each holds until the next.
    :param odometry: (m, 4): ns and the velocities that were measured.
    """
    grid, wanted, done, _ = _together(commands, odometry)
    if len(grid) * STEP_S < LEAST_S:
        return {}
    out = {}
    for axis, one, other in zip(AXES, wanted.T, done.T):
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
        correlation = min(follows[best], alike.min()) if backwards else follows[best]
        if backwards or correlation >= SURE and min(one.std(), other.std()) > MOVES:
            out[axis] = Response(round(best * STEP_S, 3), round(float(correlation), 3))
    return out


def held(commands: Rows, odometry: Rows) -> dict[str, float]:
    """
    Return for how many seconds each axis was told to move and hardly did.

    Axes that moved as they were told are left out. The parameters are those of `measure`.
    """
    grid, wanted, done, known = _together(commands, odometry)
    long, late, out = round(LONGEST_S / STEP_S), round(STUCK_S / STEP_S), {}
    if len(grid) <= long:
        return {}
    for axis, one, other in zip(AXES, wanted.T, done.T):
        stuck = np.zeros(len(grid), bool)
        for sign in (1, -1):
            pushed = _of_last((sign * one > PUSHED) & known, long) > 1 - 1e-9
            little = _of_last(sign * other, late) < STUCK * _of_last(sign * one, late)
            stuck |= pushed & little
        seconds = float(stuck.sum() * STEP_S)
        if seconds >= STUCK_S:
            out[axis] = round(seconds + LONGEST_S, 1)  # it began that long before
    return out


def _together(commands: Rows, odometry: Rows) -> tuple[Rows, Rows, Rows, npt.NDArray[np.bool_]]:
    """Return times s, commands and velocities (n, 3) at them, and whether both are known."""
    commands, odometry = (rows[np.isfinite(rows).all(axis=1)] for rows in (commands, odometry))
    nothing = np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, bool)
    if len(commands) < 2 or len(odometry) < 2:
        return nothing
    start_ns = max(commands[0, 0], odometry[0, 0])
    seconds = (min(commands[-1, 0], odometry[-1, 0]) - start_ns) / NS
    if seconds <= 0:
        return nothing
    grid = np.arange(0.0, seconds, STEP_S)
    wanted_s, done_s = ((rows[:, 0] - start_ns) / NS for rows in (commands, odometry))
    last = np.searchsorted(wanted_s, grid, side='right') - 1
    near = np.abs(done_s[np.searchsorted(done_s, grid).clip(0, len(done_s) - 1)] - grid)
    done = np.stack([np.interp(grid, done_s, odometry[:, i]) for i in (1, 2, 3)], 1)
    return grid, commands[last, 1:], done, (grid - wanted_s[last] <= HELD_S) & (near <= HELD_S)


def _of_last(values: Rows | npt.NDArray[np.bool_], count: int) -> Rows:
    """Return the mean of the last `count` values at each place; 0 where there are fewer."""
    total = np.concatenate([[0.0], np.cumsum(values, dtype=float)])
    out = np.zeros(len(values))
    out[count - 1:] = (total[count:] - total[:-count]) / count
    return out


def _size(values: Rows) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(values ** 2)))


def _likeness(one: Rows, other: Rows) -> float:
    """Return the cosine of the angle between two series, -1..1; 0 if one of them is 0."""
    scale = np.sqrt((one @ one) * (other @ other))
    return float(one @ other / scale) if scale else 0.0
