"""Laser scans as tests need them."""

import math

import numpy as np

from mobile_vla_ros.control.obstacle import Scan

TURN = 2.0 * math.pi


def scan_of(*points, rays=720, reach=10.0):
    """Return a scan all around in which the given points (x, y) m are seen, and nothing else."""
    ranges = np.full(rays, np.inf)
    for x, y in points:
        ranges[round((math.atan2(y, x) + math.pi) / TURN * rays) % rays] = math.hypot(x, y)
    return Scan(ranges, -math.pi, TURN / rays, 0.0, reach)


def at(points):
    """Return a scan of exactly these points (n, 2) m."""
    scan = scan_of()
    scan.points = np.asarray(points, float).reshape(-1, 2)
    return scan
