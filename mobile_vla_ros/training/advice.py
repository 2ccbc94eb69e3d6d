"""What the drives say of a training: which strategy fits, and what was not learned."""

import numpy as np

from mobile_vla_ros.contract import AXES
from mobile_vla_ros.data.segments import IDLE

NO_BETTER = 0.98  # of a constant's error: a policy with more than that share of it knows nothing
FAINT = 0.2  # weight of an axis in the model below which it hardly moves
Y, Z = AXES.index('linear_y'), AXES.index('angular_z')


def moving(commands: np.ndarray) -> np.ndarray:
    """Return for each axis whether commands (n, 3; m/s, m/s, rad/s) ever change on it."""
    return np.std(commands, axis=0) >= IDLE / 2


def fitting(commands: np.ndarray) -> tuple[str, str]:
    """Return the name of the strategy that fits what moves in the drives, and why."""
    moves = moving(commands)
    if moves[Z] and not moves[Y]:
        return 'differential', 'the base turns and never moves sideways'
    return 'best', 'the base moves sideways' if moves[Y] else 'the base never turns'


def misfit(z_weight: float, commands: np.ndarray) -> str:
    """Return a warning if a strategy damps the one way in which the base steers, else ''."""
    name, why = fitting(commands)
    if name == 'differential' and z_weight < 1:
        return f'{why}, and this strategy damps turning to {z_weight:g}: most likely nothing is ' \
            'learned; use --strategy differential'
    return ''


def faint(model, commands: np.ndarray) -> str:
    """Return a warning if a model to start from hardly moves an axis that the drives need."""
    for axis, moves in zip((Y, Z), moving(commands)[[Y, Z]]):
        weight = max(abs(member.axis_weight[axis].item()) for member in model.members)
        if moves and weight < FAINT and (axis == Y or fitting(commands)[0] == 'differential'):
            return f'the checkpoint to start from hardly moves {AXES[axis]} (its weight is ' \
                f'{weight:.3f}), and these drives need it: leave --start out'
    return ''


def unlearned(mae, constant_mae) -> list[str]:
    """Return a warning for every axis that is no better than a constant on what was held out."""
    out = []
    for axis, error, constant in zip(AXES, mae, constant_mae):
        if constant >= IDLE / 2 and error >= NO_BETTER * constant:
            out.append(f'{axis} is no better than a constant command on what was held out '
                       f'({error:.4f} against {constant:.4f}): it was not learned; record more '
                       'drives in which it changes, see `dataset doctor`, or train longer')
    return out
