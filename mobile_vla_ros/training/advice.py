"""Advice before and after a training: which strategy fits the drives, what was not learned."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mobile_vla_ros.contract import AXES
from mobile_vla_ros.data.segments import IDLE

if TYPE_CHECKING:  # advice needs no torch
    from mobile_vla_ros.models.registry import Model

NO_BETTER = 0.98  # of a constant's error: a policy with a larger error has learned nothing
FAINT = 0.2  # an axis with a smaller weight in the model hardly moves
Y, Z = AXES.index('linear_y'), AXES.index('angular_z')


def moving_axes(commands: np.ndarray) -> np.ndarray:
    """Tell for each axis whether the commands (n, 3; m/s, m/s, rad/s) ever change on it."""
    return np.std(commands, axis=0) >= IDLE / 2


def fitting_strategy(commands: np.ndarray) -> tuple[str, str]:
    """Return the strategy that fits the axes on which these drives move, and why."""
    moves = moving_axes(commands)
    if moves[Z] and not moves[Y]:
        return 'differential', 'the base turns and never moves sideways'
    return 'best', 'the base moves sideways' if moves[Y] else 'the base never turns'


def misfit_warning(z_weight: float, commands: np.ndarray) -> str:
    """Return a warning if the strategy damps the only axis on which the base steers, else ''."""
    name, why = fitting_strategy(commands)
    if name == 'differential' and z_weight < 1:
        return f'{why}, and this strategy damps turning to {z_weight:g}: most likely nothing is ' \
            'learned; use --strategy differential'
    return ''


def faint_warning(model: 'Model', commands: np.ndarray) -> str:
    """Return a warning if the model to start from hardly moves an axis that the drives need."""
    for axis, moves in zip((Y, Z), moving_axes(commands)[[Y, Z]]):
        weight = max(abs(member.axis_weight[axis].item()) for member in model.members)
        needed = axis == Y or fitting_strategy(commands)[0] == 'differential'
        if moves and weight < FAINT and needed:
            return f'the checkpoint to start from hardly moves {AXES[axis]} (its weight is ' \
                f'{weight:.3f}), and these drives need it: leave --start out'
    return ''


def unlearned_warnings(mae: Sequence[float], constant_mae: Sequence[float]) -> list[str]:
    """Return a warning for every axis that is no better than a constant on held-out drives."""
    out = []
    for axis, error, constant in zip(AXES, mae, constant_mae):
        if constant >= IDLE / 2 and error >= NO_BETTER * constant:
            worse = 'no' if error >= constant else 'hardly'
            out.append(f'{axis} is {worse} better than a constant command on what was held out '
                       f'({error:.4f} against {constant:.4f}): it was not learned; record more '
                       'drives in which it changes, see `dataset doctor`, or train longer')
    return out
