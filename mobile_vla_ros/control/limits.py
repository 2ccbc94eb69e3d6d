"""How fast the base may go, and how fast that may change. Pure code: no clock, no ROS."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mobile_vla_ros.contract import AXES, Command, STOP, UNITS

ABSURD = 100.0  # m/s, rad/s: no ground robot moves so; a policy that says so is broken
MAX_STEP_S = 0.1  # a late tick must not turn into a large jump of speed


def acceptable(values: npt.ArrayLike) -> bool:
    """Tell whether every value is finite and one that a ground robot could mean."""
    return bool(np.all(np.abs(values) <= ABSURD))  # NaN compares false


@dataclass(frozen=True)
class Limits:
    """Per axis (AXES order): speed, and how fast it may grow and shrink. Speed 0: axis off."""

    velocity: tuple[float, ...] = (0.5, 0.5, 1.0)  # m/s, m/s, rad/s
    acceleration: tuple[float, ...] = (1.0, 1.0, 2.0)  # m/s^2, m/s^2, rad/s^2
    deceleration: tuple[float, ...] = (2.0, 2.0, 4.0)  # at least acceleration: brakes are harder

    def __post_init__(self) -> None:
        """
        Check every value.

        :raises ValueError: naming the limit, its value and what is allowed.
        """
        for name in ('velocity', 'acceleration', 'deceleration'):
            values = tuple(float(value) for value in getattr(self, name))
            if len(values) != len(AXES):
                raise ValueError(f'limits.{name} needs {len(AXES)} values {AXES}, got {values}')
            if not all(0.0 <= value <= ABSURD for value in values):
                raise ValueError(f'limits.{name} must be within 0..{ABSURD:g}, got {values}')
            object.__setattr__(self, name, values)
        for axis, unit, speed, up, down in zip(
                AXES, UNITS, self.velocity, self.acceleration, self.deceleration):
            if speed and not up:
                raise ValueError(f'limits.acceleration of {axis} must be > 0 {unit}^2, got 0')
            if down < up:
                raise ValueError(f'limits.deceleration of {axis} must be >= its acceleration '
                                 f'{up:g} {unit}^2, got {down:g}')


class Limiter:
    """Clamps the speed of each axis and limits its change; braking may change it faster."""

    def __init__(self, limits: Limits) -> None:
        """Start at rest."""
        self.limits = limits
        self.last = STOP

    def stop(self) -> Command:
        """Return zero at once: a limit never slows a stop down."""
        self.last = STOP
        return STOP

    def clip(self, wanted: Sequence[float]) -> Command:
        """Return `wanted` within the speed of each axis."""
        return Command(*(min(max(value, -top), top)
                         for value, top in zip(wanted, self.limits.velocity)))

    def limit(self, wanted: Sequence[float], step_s: float) -> Command:
        """Return what may be sent `step_s` seconds after the last; STOP if `wanted` is absurd."""
        if not acceptable(wanted):
            return self.stop()
        step_s = min(max(step_s, 0.0), MAX_STEP_S)
        self.last = Command(*(
            _approach(last, value, up * step_s, down * step_s)
            for last, value, up, down in zip(
                self.clip(self.last),  # the limits may have been lowered since
                self.clip(wanted), self.limits.acceleration, self.limits.deceleration)))
        return self.last


def _approach(last: float, wanted: float, up: float, down: float) -> float:
    """Move from `last` towards `wanted` by at most `up` away from zero, `down` towards it."""
    if last * wanted < 0.0:  # through zero: brake first; accelerating waits for the next tick
        wanted = 0.0
    step = up if abs(wanted) > abs(last) else down
    return min(max(wanted, last - step), last + step)
