"""How fast a base may go and still stop in time. Pure code: no clock, no ROS."""

from dataclasses import dataclass, fields
import math

MEMORY_S = 1.0  # in which a past age is forgotten to 1/e, so that the speed does not pulse


@dataclass(frozen=True)
class Stopping:
    """What the base needs to come to rest, and how much way it is given for that."""

    distance: float = 0.5  # m from the moment that a frame shows to rest; 0: no bound
    deceleration: float = 1.0  # m/s^2 that the base really achieves
    reaction: float = 0.2  # s from a command until the base follows it

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0.0 <= getattr(self, field.name) < math.inf:
                raise ValueError(f'stopping.{field.name} must be a finite number >= 0, got '
                                 f'{getattr(self, field.name)!r}')
        if not self.deceleration:
            raise ValueError('stopping.deceleration must be > 0 m/s^2, got 0')

    def speed(self, distance: float, delay_s: float) -> float:
        """Return the speed in m/s that is at rest after `distance` m if braking is `delay_s` late.

        It solves v * delay + v^2 / (2 * deceleration) = distance.
        """
        lost = self.deceleration * (delay_s + self.reaction)
        return math.sqrt(lost * lost + 2.0 * self.deceleration * distance) - lost

    def cap(self, age_s: float) -> float:
        """Return the speed in m/s at which what is `age_s` old still shows far enough ahead."""
        return self.speed(self.distance, age_s) if self.distance else math.inf


class Age:
    """How old frames are when they are driven by: rises at once, falls slowly."""

    def __init__(self) -> None:
        """Know no delay yet."""
        self.seconds = 0.0

    def note(self, age_s: float, step_s: float) -> float:
        """Take an age, `step_s` after the last; return the one to reckon with, in s."""
        faded = self.seconds * math.exp(-max(step_s, 0.0) / MEMORY_S)
        self.seconds = max(age_s, faded)
        return self.seconds
