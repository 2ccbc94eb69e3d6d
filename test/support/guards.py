"""A guard that drives."""

import numpy as np

from mobile_vla_ros.contract import NS, Plan
from mobile_vla_ros.control.guard import Guard, GuardConfig
from mobile_vla_ros.control.reasons import Reason

MS = 1_000_000
TIMEOUT = 250 * MS


def make_plan(value=0.5, stamp_ns=0, rows=1):
    return Plan(np.full((rows, 3), value, np.float32), stamp_ns, 50 * MS)


def driving(**kwargs):
    """Return a guard that drives at 100 ms, its frames stamped 1 s later than they came."""
    guard = Guard(GuardConfig(image_timeout_ns=TIMEOUT, **kwargs))
    guard.arming.arm()
    guard.accept_instruction('go left', 0)
    for now in (0, 50 * MS, 100 * MS):
        assert guard.accept_frame(now + NS, now)
        assert guard.accept_plan(make_plan(stamp_ns=now + NS), 'go left', now + NS, now)
    assert guard.tick(100 * MS).reason is Reason.DRIVING
    return guard
