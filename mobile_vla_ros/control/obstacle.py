"""
How far the way ahead is free in a laser scan, and so how fast any command may be followed.

Pure code: no clock, no ROS. The base is taken as a disc that runs along the arc of its command.
"""

from dataclasses import dataclass
import math

import numpy as np
import numpy.typing as npt

from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.control.stopping import Stopping
from mobile_vla_ros.control.watchdog import Watchdog

TOO_CLOSE = 0.01  # m, at least, to what a scanner reports as nearer than it can measure
LOOK = 0.35  # rad to each side of the motion's direction, of which half must be known
STRAIGHT = 1e-3  # 1/m; an arc less curved than this is a line

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Zone:
    """The disc that is kept free, and where the scanner looks from."""

    radius: float = 0.3  # m, of the base around base_link, to its furthest corner
    margin: float = 0.05  # m kept free beyond that
    mount: tuple[float, ...] = (0.0, 0.0, 0.0)  # x m, y m, yaw rad of the scanner in base_link

    def __post_init__(self) -> None:
        for name in ('radius', 'margin'):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f'obstacle.{name} must be a finite number >= 0 m, got '
                                 f'{getattr(self, name)!r}')
        if len(self.mount) != 3 or not all(map(math.isfinite, self.mount)):
            raise ValueError(f'obstacle.mount needs 3 finite values, got {self.mount}')


@dataclass(frozen=True)
class ObstacleConfig:
    """The settings of an ObstacleMonitor, but for those that the whole guard shares."""

    zone: Zone = Zone()
    timeout_ns: int = NS // 2  # without a scan, after which the base is stopped


class Scan:
    """One sweep of a planar scanner, its ranges understood as REP-117 says."""

    def __init__(self, ranges: npt.ArrayLike, angle_min: float, angle_increment: float,
                 range_min: float, range_max: float) -> None:
        """
        Take ranges in m, angles in rad in the scanner's frame.

        Within range_min..range_max is something; -Inf is something too close to measure; +Inf is
        nothing as far as the scanner sees. NaN and every other value tell nothing.

        :raises ValueError: if there is no ray, or if angles or ranges make no sense.
        """
        ranges = np.asarray(ranges, np.float64)
        if ranges.ndim != 1 or not len(ranges):
            raise ValueError(f'a scan needs a row of ranges, got shape {ranges.shape}')
        if not (math.isfinite(angle_min) and math.isfinite(angle_increment) and angle_increment
                and abs(angle_increment) * (len(ranges) - 1) < 4.0 * math.pi):
            raise ValueError(f'scan of {len(ranges)} ranges from angle_min {angle_min} by '
                             f'angle_increment {angle_increment} rad: wanted finite angles '
                             'within two turns')
        if not 0.0 <= range_min < range_max:
            raise ValueError(f'scan with range_min {range_min} and range_max {range_max} m: '
                             'wanted 0 <= range_min < range_max')
        angles = angle_min + angle_increment * np.arange(len(ranges))
        close = ranges == -np.inf
        hit = np.isfinite(ranges) & (ranges >= range_min) & (ranges <= range_max) | close
        far = np.where(close, max(range_min, TOO_CLOSE), ranges)[hit]
        self.points = far[:, None] * np.stack([np.cos(angles[hit]), np.sin(angles[hit])], -1)
        self.known = angles[hit | (ranges == np.inf)]  # rad, of the rays that tell something
        self.spacing = abs(angle_increment)

    def sees(self, direction: float) -> bool:
        """Tell whether at least half of what lies around a direction in rad is known."""
        off = np.abs((self.known - direction + math.pi) % (2.0 * math.pi) - math.pi)
        return bool(np.count_nonzero(off <= LOOK) * self.spacing >= LOOK)


def free_way(scan: Scan, zone: Zone, command: Command) -> float:
    """
    Return how many metres the base may run along a command's arc before it meets something.

    It is 0 if something is in the way already, and infinity if the way is free. Inside the margin
    the base may run along an obstacle and away from it, but not nearer. A disc that only turns
    meets nothing.
    """
    speed = command.speed
    if not speed:
        return math.inf
    x, y = _in_base(scan.points, zone.mount).T
    along = (x * command.linear_x + y * command.linear_y) / speed
    aside = (y * command.linear_x - x * command.linear_y) / speed  # to the left of the motion
    away = np.hypot(along, aside)
    radius = min(zone.radius + zone.margin, max(zone.radius, away.min(initial=math.inf)))
    if (along[away < radius] > 0.0).any():
        return 0.0
    outside = away >= radius
    along, aside = along[outside], aside[outside]
    curvature = command.angular_z / speed
    if abs(curvature) < STRAIGHT:
        ahead = (along > 0.0) & (np.abs(aside) < radius)
        ways = along[ahead] - np.sqrt(radius * radius - aside[ahead] ** 2)
    else:
        ways = _along_arc(along, aside if curvature > 0.0 else -aside, 1.0 / abs(curvature),
                          radius)
    return max(float(ways.min(initial=math.inf)), 0.0)


def _along_arc(along: Values, aside: Values, turn: float, radius: float) -> Values:
    """Return the ways in m to each point that a disc meets, running left around (0, turn)."""
    off = np.maximum(np.hypot(along, aside - turn), 1e-9)  # from the arc's centre
    cosine = (off * off + turn * turn - radius * radius) / (2.0 * off * turn)
    met = np.abs(cosine) < 1.0
    bearing = np.arctan2(along, turn - aside)[met] % (2.0 * math.pi)  # as the arc is run
    ways: Values = turn * np.maximum(bearing - np.arccos(cosine[met]), 0.0)
    return ways


def _in_base(points: Values, mount: tuple[float, ...]) -> Values:
    """Return points (n, 2) in the scanner's frame as points in base_link."""
    x, y, yaw = mount
    cos, sin = math.cos(yaw), math.sin(yaw)
    turned: Values = points @ np.array([[cos, sin], [-sin, cos]]) + (x, y)
    return turned


BLIND = Scan([math.nan], 0.0, 1.0, 0.0, 1.0)  # tells nothing


class ObstacleMonitor:
    """Holds the newest scan and says how fast a command may be followed."""

    def __init__(self, config: ObstacleConfig, stopping: Stopping) -> None:
        """Start blind."""
        self.zone, self.stopping = config.zone, stopping
        self.watchdog = Watchdog(config.timeout_ns)
        self.way_m = math.inf  # free for the last command
        self.unseen = False  # where it wanted to go
        self._scan = BLIND

    def configure(self, config: ObstacleConfig, stopping: Stopping) -> None:
        """Take other settings; keep what was seen."""
        self.zone, self.stopping = config.zone, stopping
        self.watchdog.timeout_ns = config.timeout_ns

    def accept_scan(self, scan: Scan, now_ns: int) -> None:
        """Take a scan that came at `now_ns`."""
        self._scan = scan
        self.watchdog.feed(now_ns)

    def alive(self, now_ns: int) -> bool:
        """Tell whether scans come and are fresh."""
        return self.watchdog.alive(now_ns)

    def verdict(self) -> tuple[Reason, str]:
        """Return why the last command is followed no faster, and the words for it."""
        if self.unseen:
            return Reason.UNSEEN, ''
        return Reason.OBSTACLE, f'something is {self.way_m:.2f} m ahead'

    def safe_speed(self, command: Command, now_ns: int) -> float:
        """Return how fast in m/s a command may be followed; 0 where nothing is seen."""
        direction = math.atan2(command.linear_y, command.linear_x) - self.zone.mount[2]
        self.unseen = command.speed > 0.0 and not self._scan.sees(direction)
        if self.unseen:
            self.way_m = 0.0
            return 0.0
        self.way_m = free_way(self._scan, self.zone, command)
        return self.stopping.speed(self.way_m, self.watchdog.age_ns(now_ns) / NS)
