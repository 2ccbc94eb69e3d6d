"""The teacher: it knows the scene, drives holonomically, and hardly turns unless asked to."""

import math

from mobile_vla_ros.contract import Command, STOP
from mobile_vla_ros.sim.scenario import BASE_RADIUS, Scenario

SPEED = 0.40  # m/s, cruising
GAIN = 1.6  # 1/s, from metres of error to m/s
CLEARANCE = 0.17  # m, between base and boxes when passing
WAIT = 0.15  # m before the boxes: there it waits until it is beside; a policy creeps closer
PAST = 0.15  # m behind the boxes, where it turns in: beside them the camera sees no end
STANDOFF = 0.26  # m, from the target bottle when stopped
ARRIVED = 0.025  # m
BACK_OFF = 0.15  # m/s: slowly, as there is no camera behind
YAW_GAIN, YAW_SPEED = 1.0, 0.3  # 1/s, rad/s


class Expert:
    """A controller without memory: it can label any state that a policy gets into."""

    def __init__(self, scenario: Scenario, faces_target: bool = False):
        """
        Take a scene with its task.

        :param faces_target: turn the camera to the target instead of straight ahead.
        """
        x_min, x_max, y_min, y_max = scenario.obstacle
        self.beside = x_min - BASE_RADIUS - 0.02
        self.back = x_max + BASE_RADIUS + PAST
        self.wait = x_min - BASE_RADIUS - WAIT
        margin = BASE_RADIUS + CLEARANCE
        self.lines = {'left': y_max + margin, 'right': y_min - margin}
        self.middle = (y_min + y_max) / 2
        self.side = scenario.side
        self.target, self.faces_target = scenario.target, faces_target
        self.goal = (scenario.target.x - STANDOFF, scenario.target.y)

    def act(self, pose: tuple[float, float, float]) -> Command:
        """Return the command for `pose`: x m, y m in the world, yaw rad."""
        x, y, yaw = pose
        vx, vy = self._pass(x, y) if x < self.back else self._approach(x, y)
        wanted = math.atan2(self.target.y - y, self.target.x - x) if self.faces_target else 0.0
        wz = max(-YAW_SPEED, min(YAW_SPEED, YAW_GAIN * (wanted - yaw)))
        if vx == vy == 0.0:
            return STOP
        cos, sin = math.cos(yaw), math.sin(yaw)
        return Command(cos * vx + sin * vy, -sin * vx + cos * vy, wz)

    def _pass(self, x: float, y: float) -> tuple[float, float]:
        """Get beside the boxes on the instructed side, then past them."""
        side = self.side
        if x > self.beside:  # changing sides here would be a collision
            side = 'left' if y > self.middle else 'right'
        error = self.lines[side] - y
        inside = error if side == 'left' else -error  # > 0: too close to the boxes
        blocked = min(1.0, max(0.0, (inside - 0.03) / 0.10))
        hold = max(-BACK_OFF, GAIN * (self.wait - x)) if x < self.beside else 0.0
        return _limit(SPEED + blocked * (min(SPEED, hold) - SPEED), GAIN * error)

    def _approach(self, x: float, y: float) -> tuple[float, float]:
        """Line up in front of the row of bottles, then close in on the target."""
        error_y = self.goal[1] - y
        funnel = min(0.25, max(0.0, abs(error_y) - 0.06))
        error_x = self.goal[0] - funnel - x
        if math.hypot(self.goal[0] - x, error_y) < ARRIVED:
            return 0.0, 0.0
        return _limit(GAIN * error_x, GAIN * error_y)


def _limit(vx: float, vy: float) -> tuple[float, float]:
    vx = max(-BACK_OFF, vx)
    speed = math.hypot(vx, vy)
    scale = min(1.0, SPEED / speed) if speed else 0.0
    return vx * scale, vy * scale
