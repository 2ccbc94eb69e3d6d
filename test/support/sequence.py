"""
One sequence of frames, instructions, stalls and failures, and a policy that shows its memory.

    python sequence.py --ros-args ...    a real drive process with that policy
"""

import sys
from typing import NamedTuple

import numpy as np

from mobile_vla_ros import load_policy
from mobile_vla_ros.contract import Command, NS, Plan, STOP
from mobile_vla_ros.control.limits import Limits
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.control.stopping import Stopping
from mobile_vla_ros.inference.policy import Policy

STEP_S = 0.2  # from one event to the next
TIMEOUT_S = 2.0  # of images; a slow machine answers a frame within that
QUICK = (100.0, 100.0, 100.0)
LIMITS = Limits((1.0, 1.0, 1.0), QUICK, QUICK)  # so that a ramp is over at the next command
STOPPING = Stopping(distance=0.0)  # so that nothing depends on how long the answer took
FAULTS = {'good': 0, 'raise': 1, 'nan': 2}  # the channel that asks for it


class Counting(Policy):
    """Red is linear_x; linear_y counts the plans since the last reset; angular_z is the side."""

    count, stamp_ns = 0, -1

    def reset(self):
        """Begin to count anew."""
        super().reset()
        self.count, self.stamp_ns = 0, -1

    def plan(self, rgb, instruction, stamp_ns):
        """Return one command, unless green asks for an exception or blue for NaN."""
        if stamp_ns < self.stamp_ns:
            raise ValueError('older than the last one')
        self.count, self.stamp_ns = self.count + 1, stamp_ns
        red, green, blue = rgb.reshape(-1, 3).mean(0)
        if green > 100:
            raise RuntimeError('no such operator')
        command = [red / 255, 0.01 * self.count, 0.1 if 'left' in instruction else -0.1]
        if blue > 100:
            command[1] = np.nan
        return Plan(np.array([command]), stamp_ns, NS)


def make_policy(*_) -> Counting:
    """Return the policy; what it shares with the shipped one is not asked."""
    shipped = load_policy(threads=1)
    return Counting(shipped.engine, shipped.metadata, 'counting')


class Event(NamedTuple):
    """What happens, and what the base is told by then and why."""

    kind: str  # instruction, frame, unreadable, silence
    value: object  # words; (red, fault, steps by which its stamp is old); steps of silence
    command: Command
    reason: Reason


def frame(reason, count=0, red=100, fault='good', old=0, side=0.1) -> Event:
    """Return a frame; `count` of plans since a reset says what is driven, 0 a STOP."""
    command = Command(red / 255, 0.01 * count, side) if count else STOP
    return Event('frame', (red, fault, old), command, reason)


def again(first: int) -> list[Event]:
    """Return three good frames after a stop, of which the last one is driven by."""
    return [frame(Reason.RECOVERING), frame(Reason.RECOVERING),
            frame(Reason.DRIVING, first + 2)]


DRIVEN = Command(100 / 255, 0.07, 0.1)
EVENTS = [
    Event('instruction', 'go left', STOP, Reason.NO_FRAMES),
    *again(1),
    frame(Reason.DRIVING, 4, red=50),
    frame(Reason.FAILING, fault='raise'),  # the fifth call
    *again(6),
    frame(Reason.FAILING, fault='nan'),
    *again(10),
    frame(Reason.DRIVING, 12, red=50, old=3)._replace(
        command=Command(100 / 255, 0.12, 0.1)),  # an older stamp: it is driven as before
    Event('unreadable', None, Command(100 / 255, 0.12, 0.1), Reason.DRIVING),
    Event('silence', 11, STOP, Reason.NO_FRAMES),
    *again(13),
    # Another task: the newest frame is planned for anew, and the policy starts anew.
    Event('instruction', 'go right', Command(100 / 255, 0.01, -0.1), Reason.DRIVING),
    frame(Reason.DRIVING, 2, red=80, side=-0.1),
    *[Event('unreadable', None, Command(80 / 255, 0.02, -0.1), Reason.DRIVING)] * 9,
    *[Event('unreadable', None, STOP, Reason.UNREADABLE)] * 2,
    *[frame(Reason.RECOVERING, side=-0.1)] * 2,
    frame(Reason.DRIVING, 5, side=-0.1),
    Event('instruction', '', STOP, Reason.NO_INSTRUCTION),
    frame(Reason.NO_INSTRUCTION),
    Event('instruction', 'go right', Command(100 / 255, 0.06, -0.1), Reason.DRIVING),
    frame(Reason.DRIVING, 7, side=-0.1),
]


def picture(red: int, fault: str) -> np.ndarray:
    """Return the pixels of a frame."""
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[..., 0] = red
    if fault != 'good':
        rgb[..., FAULTS[fault]] = 255
    return rgb


def at_times() -> list[tuple[float, Event]]:
    """Return (seconds since the start, event); silence takes its time."""
    out, seconds = [], 0.0
    for event in EVENTS:
        out.append((seconds, event))
        seconds += STEP_S * (event.value if event.kind == 'silence' else 1)
    return out


def answers() -> list[tuple[Command, Reason]]:
    """Return what each event is answered by."""
    return [(Command(*np.round(event.command, 4).tolist()), event.reason) for event in EVENTS]


if __name__ == '__main__':
    from mobile_vla_ros.nodes import drive
    sys.exit(drive.main(sys.argv[1:], make_policy))
