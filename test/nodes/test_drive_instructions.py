"""Instructions over real DDS: a flood of them, odd ones, old ones."""

import signal
import time

from geometry_msgs.msg import Twist, TwistStamped
import numpy as np

from mobile_vla_ros.contract import STOP

from support.drive_checks import assert_stopped_for, TRIALS
from support.ros_harness import assert_within, graph, stalled, wait_for

FLOOD = '''
import signal, sys, threading, time
from support.ros_harness import Graph
g, over = Graph(int(sys.argv[1])), threading.Event()
signal.signal(signal.SIGTERM, lambda *_: over.set())
while not g.instructions.get_subscription_count():
    time.sleep(0.01)
due, said = time.monotonic(), 0
while not over.is_set():
    g.say(f'go {said}')
    said += 1
    if said % 100 == 0:
        print(time.monotonic(), said, flush=True)
    due = max(due + 0.001, time.monotonic() - 0.05)
    time.sleep(max(due - time.monotonic(), 0.0))
g.close()
'''


def uneven(sent):
    """Return how far each period is off 50 ms, s, less what the machine lost just then."""
    steady = time.monotonic() - time.time()
    return [off if (off := abs(b - a - 0.05)) <= 0.010 else
            max(off - stalled(a + steady) + stalled(b + steady + 0.02), 0.0)
            for a, b in zip(sent, sent[1:])]


COUNTED = '''
import sys, time
from support.faulty import FaultyPolicy
from mobile_vla_ros.nodes import drive


class Counted(FaultyPolicy):
    def plan(self, *args):
        print('asked', flush=True)
        time.sleep(0.010)  # about what the shipped one takes
        return super().plan(*args)


sys.exit(drive.main(sys.argv[1:], lambda *_: Counted('good')))
'''


def test_17_a_flood_of_instructions_does_not_disturb_the_rate(trial):
    with graph() as g:
        drive = g.start('-c', COUNTED, '--ros-args', '-p', 'armed:=true', '-p', 'instruction:=go')
        g.stream()
        wait_for(g.moving, 20.0, 'a moving base')
        sent = []  # s, by the node's own clock
        g.node.create_subscription(
            Twist, 'cmd_vel', lambda _, info: sent.append(1e-9 * info['source_timestamp']), 50)
        flood = g.start('-c', FLOOD, g.domain)  # this process is too busy to say so much
        wait_for(lambda: len(flood.lines) > 3, 20.0, 'a flood')
        at, first, begun = time.monotonic(), len(sent), len(flood.lines)
        asked = len(drive.lines)
        # One late command makes two odd periods of 200: 1 %.
        wait_for(lambda: len(sent) - first >= 202, 20.0, 'commands')
        asked = len(drive.lines) - asked
        (start, before), (end, said) = (map(float, flood.lines[i].split()) for i in (begun, -1))
        assert (said - before) / (end - start - stalled(at)) > 900
        assert 20 < asked < 0.2 * (said - before), 'it takes the newest only'
        assert_within(np.percentile(uneven(sent[first:]), 99), 0.010, time.monotonic())
        flood.send(signal.SIGTERM)  # killed, it may leave the shared memory locked for a second
        flood.wait(5.0)
        over = time.monotonic()
        wait_for(lambda: time.monotonic() > over + 0.3, 2.0, 'the last one')
        assert g.moving(over), 'it drives by the last one'
        asked = len(drive.lines)
        wait_for(lambda: time.monotonic() > over + 0.8, 2.0, 'half a second')
        assert len(drive.lines) - asked < 20, 'nothing is left over: 10 frames came'


TIMED = '''
import sys, time
from support.faulty import FaultyPolicy
from mobile_vla_ros.nodes import drive, spin


class Executor(spin.SingleThreadedExecutor):
    def wait_for_ready_callbacks(self, *args, **kwargs):
        ready = super().wait_for_ready_callbacks(*args, **kwargs)
        self.begun = time.thread_time()  # before the message is taken
        return ready


class Timed(drive.DriveNode):
    def _on_instruction(self, msg):
        super()._on_instruction(msg)
        took = time.thread_time() - self.executor.begun
        sys.stdout.write(f'took {took}\\n')  # in one piece: rclpy writes there too


spin.SingleThreadedExecutor, drive.DriveNode = Executor, Timed
sys.exit(drive.main(sys.argv[1:], lambda *_: FaultyPolicy('good')))
'''
ODD = (  # one that says left, one that does not, ...; three of them are a megabyte
    'go left \x1b[31m\n[FATAL] ' + 'é' * 500_000, '왼쪽 \u202e\x07\r\n[ERROR] [drive]: ',
    'left ' + '\u0301' * 500_000, '\x1b]0;' * 250_000, '\x85\u2028le\x9bft' + '🤖' * 9)
EMPTY = ('', ' \n\t\x00', '\u200b' * 333_333)


def test_18_odd_and_huge_instructions(trial):
    with graph() as g:
        plans = []  # (steady time s, whether the instruction says left)
        g.node.create_subscription(TwistStamped, 'drive/plan', lambda msg: plans.append(
            (time.monotonic(), msg.twist.angular.z > 0.0)), 50)
        process = g.start('-c', TIMED, '--ros-args', '-p', 'armed:=true', '-p', 'instruction:=go',
                          '-p', 'publish_plan:=true')
        g.stream()
        wait_for(g.moving, 20.0, 'a moving base')

        def took():
            return [float(line.split()[1]) for line in process.lines if line.startswith('took')]

        def say(text):
            at, before = time.monotonic(), len(took())
            for count in range(1, 4):  # the first megabyte pays for its memory
                g.say(text)
                wait_for(lambda: len(took()) == before + count, 3.0, f'{text[:20]!r} taken')
            assert_within(np.median(took()[before:]), 0.005, time.monotonic())  # of its thread
            return at
        for i, text in enumerate(ODD):
            left, at = i % 2 == 0, say(text)
            wait_for(lambda: [t for t, said in plans if t > at and said == left], 3.0,
                     f'a plan for {text[:20]!r}')
        for text in EMPTY:
            moving = time.monotonic()
            wait_for(lambda: g.moving(moving), 3.0, 'moving')
            at = say(text)
            zero = wait_for(lambda: g.zero(at), 3.0, 'a zero')
            assert_within(zero[0] - at, 0.1, at)
            assert_stopped_for(g, zero[0])
            say('go left')
        told = [text for status in g.diagnostics.values() for text in (
            status.message, *(pair.value for pair in status.values))]
        for line in [line.rstrip('\n') for line in process.lines] + told:
            assert line.isprintable() and '[FATAL]' not in line and '[ERROR] [dr' not in line


def test_19_an_instruction_expires():
    with graph() as g:
        g.drive(armed=True, instruction_ttl=0.5)
        g.stream()
        wait_for(lambda: g.last() == STOP, 20.0, 'zeros')
        for _ in range(TRIALS):
            said = time.monotonic()
            g.say('go left')
            wait_for(lambda: g.moving(said), 3.0, 'moving')
            moved = g.moving(said)[0]
            zero = wait_for(lambda: g.zero(moved), 2.0, 'a zero')
            assert zero[0] - said >= 0.5
            assert_within(zero[0] - said, 0.5 + 0.07, said)
