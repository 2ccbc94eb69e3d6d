"""
One sequence through the drive node over DDS, through replay and through the benchmark's driver.

All three must give the same commands for the same reasons, and they must be those that stand in
test/support/sequence.py beside each event.
"""

import time

import numpy as np
import pytest

pytest.importorskip('rosbags')
from support import sequence  # noqa: E402
from support.bags import BagWriter, image, START, text, twist  # noqa: E402
from support.sequence import answers, at_times, LIMITS, picture, STEP_S, TIMEOUT_S  # noqa: E402

from mobile_vla_ros.benchmark.driver import Driver  # noqa: E402
from mobile_vla_ros.contract import Command, NS  # noqa: E402
from mobile_vla_ros.control.reasons import Reason  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.replay.log import REASONS  # noqa: E402
from mobile_vla_ros.replay.replay import replay  # noqa: E402

SETTINGS = {'image_timeout': TIMEOUT_S, 'limits': LIMITS, 'stopping': sequence.STOPPING}
ENOUGH = 3  # commands after which the answer to an event has settled


def used_policy():
    """Return a policy that has driven before: it remembers, and its stamps are newer."""
    policy = sequence.make_policy()
    policy.plan(picture(1, 'good'), 'go left', 2 * START)
    return policy


def rounded(command) -> Command:
    return Command(*np.round([float(value) for value in command], 4).tolist())


def without_ramps(commands) -> list[Command]:
    """Return the commands one by one, without repetitions and those between their neighbours."""
    out = []
    for command in map(rounded, commands):
        if out and command == out[-1]:
            continue
        if len(out) > 1 and out[-1] != command and all(
                min(a, c) <= b <= max(a, c) for a, b, c in zip(out[-2], out[-1], command)):
            out.pop()
        out.append(command)
    return out


def stamp_ns(seconds, event, zero_ns=0) -> int:
    """Return the stamp of an event's picture."""
    old = event.value[2] if event.kind == 'frame' else 0
    return zero_ns + round((seconds - old * STEP_S) * NS)


def test_replay_answers_as_it_stands(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        for seconds, event in at_times():
            now_ns = START + round(seconds * NS)
            if event.kind == 'instruction':
                bag.put('/instruction', now_ns, text(event.value))
            elif event.kind in ('frame', 'unreadable'):
                red, fault, _ = event.value or (0, 'good', 0)
                msg = image(picture(red, fault), stamp_ns(seconds, event, START))
                msg.encoding = 'rgb8' if event.kind == 'frame' else 'nonsense'
                bag.put('/image', now_ns, msg)
                bag.put('/cmd_vel', now_ns + NS // 100, twist((0.1, 0.0, 0.0)))
        end_ns = now_ns + round(STEP_S * NS)
        bag.put('/image', end_ns, image(picture(0, 'good'), end_ns))  # up to which it drives
    with Bag(tmp_path / 'bag') as opened:
        sent = replay(opened, used_policy(), **SETTINGS).sent
    ends = [seconds for seconds, _ in at_times()][1:] + [(end_ns - START) / NS]
    last = [sent[sent[:, 0] < end - 1e-6][-1] for end in ends]
    assert [(rounded(row[1:4]), REASONS[int(row[4])]) for row in last] == answers()


def test_the_benchmark_answers_as_it_stands():
    (_, first), *events = at_times()
    driver = Driver(used_policy(), first.value, **SETTINGS)
    found, before = [], rounded(driver.command)
    ends = [seconds for seconds, _ in events] + [events[-1][0] + STEP_S]
    for (seconds, event), end in zip([(0.0, first), *events], ends):
        if event.kind == 'instruction' and event is not first:
            driver.on_instruction(event.value, seconds)
        elif event.kind in ('frame', 'unreadable'):
            rgb = picture(*event.value[:2]) if event.kind == 'frame' else None
            driver.on_frame(rgb, stamp_ns(seconds, event) / NS, seconds)
        driven = [rounded(driver.command_until(step))
                  for step in np.arange(seconds + 0.05, end + 1e-6, 0.05)]
        assert set(without_ramps([before, *driven])) == {before, driven[-1]}, 'and nothing else'
        found.append((driven[-1], driver.reason))
        before = driven[-1]
    assert found == answers()


class Node:
    """A real drive process, what is published for it, and what it answers."""

    def __init__(self, g):
        from geometry_msgs.msg import TwistStamped
        from mobile_vla_ros import messages
        from support.paths import ROOT
        self.g, self.messages, self.zero_ns = g, messages, time.time_ns()
        self.planned = set()  # stamps of frames with a plan
        g.node.create_subscription(TwistStamped, 'drive/plan', lambda msg: self.planned.add(
            messages.to_ns(msg.header.stamp)), 50)
        quick = str(list(sequence.QUICK))
        parameters = {
            'armed': True, 'publish_plan': True, 'image_timeout': TIMEOUT_S,
            'stopping.distance': sequence.STOPPING.distance,
            'limits.velocity': str(list(LIMITS.velocity)), 'limits.acceleration': quick,
            'limits.deceleration': quick}
        g.start(ROOT / 'test' / 'support' / 'sequence.py', '--ros-args', *(
            part for name, value in parameters.items() for part in ('-p', f'{name}:={value}')))

    def publish(self, seconds, event):
        """Let an event happen."""
        if event.kind == 'instruction':
            self.g.say(event.value)
        elif event.kind in ('frame', 'unreadable'):
            rgb = picture(*event.value[:2]) if event.kind == 'frame' else picture(0, 'good')
            msg = self.messages.to_image(rgb, stamp_ns(seconds, event, self.zero_ns), 'camera')
            msg.encoding = 'rgb8' if event.kind == 'frame' else 'nonsense'
            self.g.images.publish(msg)

    @property
    def reason(self):
        values = {value.key: value.value for value in
                  self.g.diagnostics['drive: control'].values}
        return Reason[values['reason']] if 'reason' in values else None

    def answered(self, seconds, event, since):
        """Return whether an event was answered as it must be, and that for some commands."""
        since_then = [rounded(command) for at, command in list(self.g.received) if at > since]
        stamp = stamp_ns(seconds, event, self.zero_ns)
        planned = event.reason is not Reason.RECOVERING or stamp in self.planned
        return planned and self.reason is event.reason and len(since_then) >= ENOUGH \
            and since_then[-2:] == [rounded(event.command)] * 2


@pytest.mark.nodes
def test_the_node_answers_as_it_stands():
    pytest.importorskip('rclpy')
    from support.ros_harness import assert_within, graph, wait_for
    with graph() as g:
        node = Node(g)
        wait_for(lambda: node.reason is Reason.NO_INSTRUCTION, 30.0, 'an armed node')
        wait_for(lambda: g.images.get_subscription_count()
                 and g.instructions.get_subscription_count(), 10.0, 'a node that listens')
        begun = len(g.received)
        last, seen = None, 0.0  # the newest good frame
        for seconds, event in at_times():
            since = time.monotonic()
            if event.kind == 'frame' and event.value[1:] == ('good', 0):
                seen = since
            # A slow machine takes longer for each; what cannot be read is then fewer pictures.
            if event.kind == 'unreadable' and event.reason is Reason.DRIVING and event == last:
                continue
            node.publish(seconds, event)

            def answered():
                if event.reason is Reason.UNREADABLE and time.monotonic() > again[0]:
                    again[0] = time.monotonic() + 0.5
                    node.publish(seconds + again[1] * 1e-3, event)
                    again[1] += 1
                return node.answered(seconds, event, since)
            again = [since + 0.5, 1]
            wait_for(answered, 10.0, f'{event}, not {g.last()}, {node.reason}')
            if event.kind == 'silence' or event.reason is Reason.UNREADABLE != last.reason:
                moved = max(at for at, command in list(g.received) if any(command))
                stopped = g.zero(moved)[0]
                assert stopped - seen >= TIMEOUT_S, 'however slow the machine is, not sooner'
                assert_within(stopped - seen, 1.5 * TIMEOUT_S, seen)
            last = event
        driven = without_ramps([command for _, command in g.received[begun:]])
    assert driven == without_ramps([event.command for _, event in at_times()])
