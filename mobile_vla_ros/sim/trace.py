"""The trace of an episode: its pictures, path and commands by simulated time. No ROS."""

from bisect import bisect_right
from dataclasses import dataclass, field
import math
from typing import Any, TypeVar

import numpy as np

from mobile_vla_ros.contract import Command, NS, STOP
from mobile_vla_ros.sim.scenario import Scenario

Pose = tuple[float, float, float, float]  # x m, y m, yaw rad, speed m/s
Value = TypeVar('Value')


@dataclass
class Trace:
    """Lists of (stamp ns, value), oldest first; one thread fills them, others read afterwards."""

    scenario: Scenario
    origin_ns: int = 0  # stamp at which the episode began
    images: list[tuple[int, np.ndarray]] = field(default_factory=list)  # RGB uint8 (H, W, 3)
    poses: list[tuple[int, Pose]] = field(default_factory=list)
    commands: list[tuple[int, Command]] = field(default_factory=list)
    outcome: dict[str, Any] = field(default_factory=dict)  # as Outcome.as_dict()

    @property
    def now_ns(self) -> int:
        """Return the newest stamp of the odometry, 0 before the first."""
        return self.poses[-1][0] if self.poses else 0

    @property
    def seconds(self) -> float:
        """Return the simulated seconds since the beginning."""
        return max(self.now_ns - self.origin_ns, 0) / NS if self.origin_ns else 0.0

    @property
    def distance(self) -> float:
        """Return the metres from the base's centre to the target, now."""
        return self.distance_at(self.now_ns)

    def begin(self) -> None:
        """Begin the episode now: forget everything before it."""
        self.origin_ns = self.now_ns
        self.images.clear()
        self.commands.clear()
        del self.poses[:-1]

    def pose_at(self, ns: int) -> Pose:
        """Return the newest pose at a stamp; the start before the first."""
        return _newest(self.poses, ns) or (*self.scenario.start, 0.0)

    def command_at(self, ns: int) -> Command:
        """Return the newest command at a stamp; STOP before the first."""
        return _newest(self.commands, ns) or STOP

    def image_at(self, ns: int) -> np.ndarray:
        """Return the newest picture at a stamp; the first picture before that."""
        image = _newest(self.images, ns)
        return self.images[0][1] if image is None else image

    def distance_at(self, ns: int) -> float:
        """Return the metres from the base's centre to the target at a stamp."""
        x, y, _, _ = self.pose_at(ns)
        return math.hypot(self.scenario.target.x - x, self.scenario.target.y - y)

    def path(self) -> np.ndarray:
        """Return the times s and places m, (poses, 3): t, x, y."""
        rows = [((at - self.origin_ns) / NS, pose[0], pose[1]) for at, pose in self.poses]
        return np.array(rows).reshape(-1, 3)

    def driven(self) -> np.ndarray:
        """Return the times s and commands, (commands, 4): t, linear x, y m/s, angular z rad/s."""
        rows = [((at - self.origin_ns) / NS, *command) for at, command in self.commands]
        return np.array(rows).reshape(-1, 4)


def _newest(entries: list[tuple[int, Value]], ns: int) -> Value | None:
    place = bisect_right(entries, ns, key=lambda entry: entry[0])
    return entries[place - 1][1] if place else None
