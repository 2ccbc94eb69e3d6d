"""What every test of the drive node over DDS checks: a stop in time, moving again in time."""

import contextlib
import time

import rclpy

from mobile_vla_ros import messages
from mobile_vla_ros.contract import STOP

from support.ros_harness import assert_within, SOAK, stalled, wait_for

TRIALS = 2 if SOAK == 1 else SOAK
STALL_S = 0.320  # last frame -> first zero
RESUME_S = 0.300  # first frame -> moving
PERIOD_S = 0.050  # of the camera
TRANSPORT_S = 0.020  # a frame to the node and a plan back, two threads woken
TIMEOUT_S = 0.250  # image_timeout
WARN, ERROR = b'\x01', b'\x02'


def assert_stopped_for(g, zero_at, seconds=1.0):
    """Check that nothing but zeros came in the second after `zero_at`, at 20 Hz."""
    wait_for(lambda: time.monotonic() > zero_at + seconds, seconds + 1.0, 'a second')
    zeros = [item for item in list(g.received) if zero_at <= item[0] <= zero_at + seconds]
    assert all(command == STOP for _, command in zeros)
    assert seconds * 20 - 2 - 20 * stalled(zero_at) <= len(zeros) <= seconds * 20 + 3


def assert_stops(g, since):
    """Check that a zero comes in time after the last good frame; return when it came."""
    at = wait_for(lambda: g.zero(since), 2.0, 'a zero')[0]
    assert_within(at - since, STALL_S, since)
    return at


def assert_no_stop(g, since, until=float('inf'), age=PERIOD_S):
    """
    Check that each stop in a time is explained by as long a stall of the machine before it.

    :param age: of a frame when the next one replaces it, s.
    """
    received = list(g.received)
    for (_, before), (at, command) in zip(received, received[1:]):
        if since < at < until and command == STOP != before:
            lost = stalled(max(since, at - TIMEOUT_S - PERIOD_S)) - stalled(at + TRANSPORT_S)
            assert lost >= TIMEOUT_S - age - TRANSPORT_S, \
                f'stopped {at - since:.3f} s after it, and the machine lost {lost:.3f} s'


def assert_resumes(g, since, feed=lambda: True):
    """Check that the base moves in time after the first good frame; return when it did."""
    at = wait_for(lambda: feed() and g.moving(since), 2.0, 'moving again')[0]
    assert_within(at - since, RESUME_S, since)
    return at


def assert_error(g, words, seconds=2.0):
    """Check that the diagnostics tell of a STOP as an error."""
    wait_for(lambda: [text for _, name, level, text in g.history
                      if name == 'drive: control' and level == ERROR and words in text],
             seconds, f'an error with {words!r}')


def assert_told(g, status, words, since, level=ERROR, seconds=2.0, feed=lambda: True):
    """Check that something is told within a time of `since`, a steady time."""
    def found():
        return next((at for at, *told, text in list(g.history) if at > since
                     and told == [f'drive: {status}', level] and words in text), None)
    at = wait_for(lambda: feed() and found(), 5.0, f'{words!r}')
    assert_within(at - since, seconds, since)


@contextlib.contextmanager
def stranger(g):
    """Yield a node of another participant in the graph's domain, which the graph knows."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=g.domain)
    node = rclpy.create_node('stranger', context=context)
    try:
        wait_for(lambda: 'stranger' in g.node.get_node_names(), 5.0, 'a stranger')
        yield node
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)


def fresh_frame(g):
    """Return the harness's picture with a fresh stamp."""
    return messages.to_image(g.rgb, time.time_ns(), 'camera')


def value_of(g, key):
    """Return what the camera's diagnostic says under a key."""
    return next(value.value for value in g.diagnostics['drive: camera'].values
                if value.key == key)


def assert_rejected(g, wanted, since):
    """Check that every bad frame was counted by its kind, or as replaced if it had to wait."""
    def counted():
        values = {value.key: value.value for value in g.diagnostics['drive: camera'].values}
        counts = {key[len('rejected: '):]: int(value) for key, value in values.items()
                  if key.startswith('rejected: ')}
        missing = sum(wanted.values()) - sum(counts.values())
        return counts.keys() == wanted.keys() and all(
            count <= wanted[kind] for kind, count in counts.items()) and (
            missing <= int(values['replaced by newer ones']) or stalled(since))
    wait_for(counted, 2.0, f'the counts {wanted}')


BROKEN = """
import sys
from support.faulty import FaultyPolicy
from mobile_vla_ros.nodes import drive


class Broken(drive.DriveNode):
    def fail(self, *args):
        raise RuntimeError('no such')

    {method} = fail


drive.DriveNode = Broken
sys.exit(drive.main(sys.argv[1:], lambda *_: FaultyPolicy('good')))
"""


def assert_zeros_then_silence(g, at, done):
    """Check that zeros came after `at`, 0.1 s after `done` at the latest, and ended it all."""
    zero = wait_for(lambda: g.zero(at), 3.0, 'a zero')
    assert_within(zero[0] - done, 0.1, at)
    wait_for(lambda: time.monotonic() - max(done, g.received[-1][0]) > 0.5, 3.0, 'silence')
    after = [command for t, command in g.received if t >= zero[0]]
    assert len(after) >= 3 and all(command == STOP for command in after)
