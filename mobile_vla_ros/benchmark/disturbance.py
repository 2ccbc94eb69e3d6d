"""What goes wrong on real robots, in the simulator: late and lost frames, lag, pushes, mounts."""

from collections import deque
from dataclasses import dataclass, fields, replace
import math
from typing import Any, TypeVar

import numpy as np

from mobile_vla_ros.contract import Command, STOP
from mobile_vla_ros.sim.scenario import Scenario

PUSH_S = 0.5  # how long a push lasts
PUSH_EVERY_S = 3.0  # on average
PUSH_AXES = (1.0, 1.0, 1.5)  # m/s, m/s, rad/s for a push of strength 1
Frame = tuple[np.ndarray, float]  # the picture, and the simulated second at which it was taken
Values = TypeVar('Values', tuple[float, float], tuple[float, float, float])


@dataclass(frozen=True)
class Disturbance:
    """How strong each disturbance is; none by default."""

    delay_s: float = 0.0  # of every frame
    drop: float = 0.0  # share of the frames that are lost
    lag_s: float = 0.0  # of every command, in addition to the base's own
    push: float = 0.0  # m/s: the strength of the pushes that the base gets now and then
    tilt_deg: float = 0.0  # by which the camera's pitch and roll are off
    shift_m: float = 0.0  # by which the camera's place is off, along x, y and z

    def __post_init__(self) -> None:
        """
        Check every value.

        :raises ValueError: naming the value and what is allowed.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < math.inf:
                raise ValueError(f'{field.name} must be 0 or more, got {value}')
        if self.drop >= 1:
            raise ValueError(f'drop must be below 1, got {self.drop}')


class Perturbation:
    """A disturbance at work in one episode; equal seeds give equal perturbations."""

    def __init__(self, disturbance: Disturbance, seed: int, period_s: float):
        """Begin an episode in which a command comes every `period_s`."""
        self.disturbance = disturbance
        self._period_s = period_s
        self._rng = np.random.default_rng([seed, 7])
        self._frames: deque[Frame] = deque()
        self._commands = deque([STOP] * round(disturbance.lag_s / period_s))
        self._push: np.ndarray = np.zeros(3)
        self._push_steps = 0  # that are left of a push

    def mount(self, scenario: Scenario) -> Scenario:
        """Return the scene with its camera tilted and shifted."""
        look = scenario.look
        return replace(scenario, look=replace(
            look,
            camera_tilt=self._shifted(look.camera_tilt, math.radians(self.disturbance.tilt_deg)),
            camera_offset=self._shifted(look.camera_offset, self.disturbance.shift_m)))

    def _shifted(self, values: Values, by: float) -> Values:
        """Return every value changed by `by`, up or down at random."""
        if not by:
            return values
        shifted: Any = tuple(float(value + sign * by) for value, sign in zip(
            values, self._rng.choice([-1.0, 1.0], len(values))))
        return shifted  # as many as `values`, which no type says

    def deliver_frame(self, rgb: np.ndarray, time_s: float) -> Frame | None:
        """Take the camera's newest frame; return the frame that arrives now, None if none does."""
        if self._rng.random() >= self.disturbance.drop:
            self._frames.append((rgb, time_s))
        arrived = None
        while self._frames and self._frames[0][1] <= time_s - self.disturbance.delay_s + 1e-9:
            arrived = self._frames.popleft()
        return arrived

    def deliver_command(self, command: Command) -> Command:
        """Take the newest command; return the velocity that reaches the base now."""
        self._commands.append(command)
        delayed = self._commands.popleft()
        if not self.disturbance.push:
            return delayed
        if self._push_steps:
            self._push_steps -= 1
        elif self._rng.random() < self._period_s / PUSH_EVERY_S:
            self._push = self._rng.uniform(-1, 1, 3) * PUSH_AXES * self.disturbance.push
            self._push_steps = round(PUSH_S / self._period_s)
        else:
            return delayed
        return Command(*(np.asarray(delayed) + self._push).tolist())
