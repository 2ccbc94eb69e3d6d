"""What one demo run left behind: pictures, path and commands by simulated time. No ROS."""

from bisect import bisect_right
from dataclasses import dataclass, field
import math

import numpy as np

from mobile_vla_ros.contract import Command, NS, STOP
from mobile_vla_ros.sim.scenario import Scenario


@dataclass
class Trace:
    """Lists of (stamp ns, value), oldest first; filled by one thread, read after it is done."""

    scenario: Scenario
    origin_ns: int = 0  # stamp at which the episode began
    images: list = field(default_factory=list)  # RGB uint8 (H, W, 3)
    poses: list = field(default_factory=list)  # (x m, y m, yaw rad, speed m/s)
    commands: list = field(default_factory=list)  # Command
    outcome: dict = field(default_factory=dict)

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
        """Forget what was before the episode."""
        self.origin_ns = self.now_ns
        self.images.clear()
        self.commands.clear()
        del self.poses[:-1]

    def pose_at(self, ns: int) -> tuple:
        """Return (x m, y m, yaw rad, speed m/s)."""
        return _newest(self.poses, ns) or (*self.scenario.start, 0.0)

    def command_at(self, ns: int) -> Command:
        """Return the command that holds."""
        return _newest(self.commands, ns) or STOP

    def image_at(self, ns: int) -> np.ndarray:
        """Return the picture that was the newest."""
        image = _newest(self.images, ns)
        return self.images[0][1] if image is None else image

    def distance_at(self, ns: int) -> float:
        """Return the metres from the base's centre to the target."""
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


def _newest(entries, ns):
    place = bisect_right(entries, ns, key=lambda entry: entry[0])
    return entries[place - 1][1] if place else None
