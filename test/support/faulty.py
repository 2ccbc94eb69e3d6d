"""Start a real drive process whose policy misbehaves on demand: python faulty.py KIND [args]."""

import hashlib
import sys
import time
from types import SimpleNamespace

import numpy as np

from mobile_vla_ros.contract import NS, Plan
from mobile_vla_ros.nodes import drive


class FaultyPolicy:
    """Drives by what it sees: the first pixel's red is linear_x, green is the fault to play."""

    backend = 'faulty'

    def __init__(self, kind):
        self.kind, self.calls, self.stamp_ns = kind, 0, 0
        self.sha256 = hashlib.sha256(kind.encode()).hexdigest()
        self.metadata = SimpleNamespace(data={})

    def reset(self):
        self.calls = self.stamp_ns = 0

    def plan(self, rgb, instruction, stamp_ns):
        red, green = (int(value) for value in rgb[0, 0, :2])
        self.calls += 1
        if stamp_ns < self.stamp_ns:  # as the real one
            raise ValueError(f'stamp {stamp_ns} ns is older than the last one')
        self.stamp_ns = stamp_ns
        command = [red / 255.0, 0.0, 0.1 if 'left' in instruction else -0.1]
        if self.kind == 'straight':
            command = [0.5, 0.0, 0.0]
        faulty = green > 100  # the camera of the test switches the fault on and off
        if faulty and self.kind in ('nan', 'inf', 'huge'):
            command[self.calls % 3] = {'nan': np.nan, 'inf': -np.inf, 'huge': 1e9}[self.kind]
        elif faulty and self.kind == 'raise':
            raise RuntimeError('no such\noperator')
        elif faulty and self.kind == 'hang':
            time.sleep(5.0)
        elif self.kind == 'slow':
            time.sleep(0.08)
        return Plan(np.array([command], np.float32), stamp_ns, NS // 20)


def load(path, backend, threads, device):
    """Return the policy that the test asked for, or fail as a loader does."""
    if path == 'missing.onnx':
        raise FileNotFoundError('missing.onnx does not exist')
    return FaultyPolicy(path or KIND)


if __name__ == '__main__':
    KIND = sys.argv[1]
    sys.exit(drive.main(sys.argv[2:], load))
