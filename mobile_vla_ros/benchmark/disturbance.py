"""What goes wrong on real robots, in the simulator: late and lost frames, lag, pushes, mounts."""

from collections import deque
from dataclasses import dataclass, fields, replace
import math

import numpy as np

from mobile_vla_ros.contract import Command, STOP
from mobile_vla_ros.sim.scenario import Scenario

PUSH_S = 0.5  # how long a push lasts
PUSH_EVERY_S = 3.0  # on average
PUSH_AXES = (1.0, 1.0, 1.5)  # m/s, m/s, rad/s for a push of strength 1


@dataclass(frozen=True)
class Disturbance:
    """How much of each; nothing by default."""

    delay_s: float = 0.0  # of every frame
    drop: float = 0.0  # share of frames that never come
    lag_s: float = 0.0  # of every command, on top of the base's own
    push: float = 0.0  # m/s by which the base is shoved now and then
    tilt_deg: float = 0.0  # by which the camera is mounted otherwise, in pitch and roll
    shift_m: float = 0.0  # by which it is mounted elsewhere, along x, y and z

    def __post_init__(self):
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


class Trouble:
    """A disturbance at work in one episode; the same seed gives the same."""

    def __init__(self, disturbance: Disturbance, seed: int, period_s: float):
        """Begin an episode whose commands come `period_s` apart."""
        self.disturbance = disturbance
        self._period_s = period_s
        self._rng = np.random.default_rng([seed, 7])
        self._frames = deque()
        self._commands = deque([STOP] * round(disturbance.lag_s / period_s))
        self._push, self._push_steps = np.zeros(3), 0

    def mount(self, scenario: Scenario) -> Scenario:
        """Return the scene with the camera as it is mounted."""
        look = scenario.look
        return replace(scenario, look=replace(
            look,
            camera_tilt=self._off(look.camera_tilt, math.radians(self.disturbance.tilt_deg)),
            camera_offset=self._off(look.camera_offset, self.disturbance.shift_m)))

    def _off(self, values: tuple, by: float) -> tuple:
        """Return every value moved by so much, up or down."""
        if not by:
            return values
        return tuple(float(value + sign * by) for value, sign in zip(
            values, self._rng.choice([-1.0, 1.0], len(values))))

    def see(self, rgb: np.ndarray, time_s: float):
        """Take the camera's newest frame; return (frame, its time) that came in, None if none."""
        if self._rng.random() >= self.disturbance.drop:
            self._frames.append((rgb, time_s))
        come = None
        while self._frames and self._frames[0][1] <= time_s - self.disturbance.delay_s + 1e-9:
            come = self._frames.popleft()
        return come

    def tell(self, command: Command) -> Command:
        """Take the command of now; return what the base is moved by."""
        self._commands.append(command)
        told = self._commands.popleft()
        if not self.disturbance.push:
            return told
        if self._push_steps:
            self._push_steps -= 1
        elif self._rng.random() < self._period_s / PUSH_EVERY_S:
            self._push = self._rng.uniform(-1, 1, 3) * PUSH_AXES * self.disturbance.push
            self._push_steps = round(PUSH_S / self._period_s)
        else:
            return told
        return Command(*(np.asarray(told) + self._push).tolist())
