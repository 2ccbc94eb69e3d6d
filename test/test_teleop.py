"""Driving by keys: the rhythm of a held key, and the node in a real terminal over DDS."""

import itertools
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time

from hypothesis import given, settings, strategies as st
import pytest

from mobile_vla_ros.contract import Command, STOP
from mobile_vla_ros.data.bags import read_info
from mobile_vla_ros.teleop import DIRECTIONS, HeldKey, SPEEDS, Teleop


def hold(hand, key, start, end, delay, interval):
    """Press as a keyboard does; return the times."""
    times = [start, *itertools.takewhile(
        lambda at: at < end, (start + delay + i * interval for i in itertools.count()))]
    for at in times:
        assert hand.held(at) in (None, key)
        hand.press(key, at)
    return times


@given(delay=st.floats(0.15, 0.59), interval=st.floats(0.02, 0.11), seconds=st.floats(1.0, 3.0))
@settings(deadline=None)
def test_a_held_key_never_flickers_and_its_release_is_noticed(delay, interval, seconds):
    hand = HeldKey()
    last = [0.0]
    for at in [0.0, *(delay + i * interval for i in range(int(seconds / interval)))]:
        # The rhythm is not known before the first repeats.
        assert at == 0.0 or hand.held(at) == 'w', (at, hand.deadline)
        hand.press('w', at)
        last[0] = at
    assert hand.held(last[0] + interval * 1.5) == 'w'
    assert hand.held(last[0] + max(0.08, 2.2 * interval) + 1e-9) is None


def test_a_tap_ends_and_another_key_takes_over_at_once():
    hand = HeldKey()
    hand.press('w', 0.0)
    assert hand.held(0.59) == 'w' and hand.held(0.61) is None
    hold(hand, 'w', 1.0, 2.0, 0.3, 0.03)
    hand.press('a', 2.0)
    assert hand.held(2.01) == 'a'


@pytest.mark.parametrize('base', ['holonomic', 'differential'])
@pytest.mark.parametrize('key', DIRECTIONS)
def test_every_key_moves_as_it_says(base, key):
    teleop = Teleop(base)
    assert teleop.key(key.upper(), 0.0) is None
    command = teleop.command(0.01)
    forward, left, turn = DIRECTIONS[key]
    assert (command.linear_x > 0) - (command.linear_x < 0) == forward
    if base == 'holonomic':
        assert (command.linear_y > 0) - (command.linear_y < 0) == left
        assert (command.angular_z > 0) - (command.angular_z < 0) == turn
    else:
        assert command.linear_y == 0
        wanted = turn or left * (-1 if forward < 0 else 1)
        assert (command.angular_z > 0) - (command.angular_z < 0) == wanted
    assert command.linear_x ** 2 + command.linear_y ** 2 <= SPEEDS[1] ** 2 + 1e-9


def test_stop_speed_and_episodes():
    teleop = Teleop()
    teleop.key('w', 0.0)
    assert teleop.command(0.0) == Command(0.2, 0.0, 0.0)
    for _ in range(9):
        teleop.key('+', 0.0)
    assert teleop.command(0.0).linear_x == SPEEDS[-1]
    for _ in range(9):
        teleop.key('-', 0.0)
    assert teleop.command(0.0).linear_x == SPEEDS[0]
    assert [teleop.key(key, 0.0) for key in 'nmx'] == ['start', 'keep', 'discard']
    teleop.key('w', 1.0)
    teleop.key(' ', 1.1)
    assert teleop.command(1.1) == STOP
    with pytest.raises(ValueError, match="one of holonomic, differential, got 'legs'"):
        Teleop('legs')


def test_labels_are_typed_and_nothing_moves_meanwhile():
    teleop = Teleop()
    teleop.key('w', 0.0)
    assert teleop.key('I', 0.1) is None and teleop.command(0.1) == STOP
    assert {teleop.key(key, 0.2) for key in 'gowww3n 왼쪽\x7f\t'} == {None}
    assert teleop.command(0.2) == STOP and teleop.entry.text == 'gowww3n 왼'
    assert teleop.key('\r', 0.3) == ('instruction', 'gowww3n 왼') and teleop.entry is None
    assert [teleop.key(key, 0.4) for key in '123'] == [
        ('distance', 'close'), ('distance', 'medium'), ('distance', 'far')]
    assert [teleop.key(key, 0.5) for key in 'oab\x1b'] == [None] * 4
    assert teleop.entry is None, 'Escape leaves the label as it was'
    teleop.key('w', 0.6)
    assert teleop.command(0.6).linear_x > 0


class Terminal:
    """A teleop node in a terminal of its own."""

    def __init__(self, g, *args):
        from ros_harness import environment, ROOT, wait_for
        self.g = g
        self.near, far = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'mobile_vla_ros', 'teleop', *args], stdin=far, stdout=far,
            stderr=far, env=environment(g.domain), cwd=ROOT, start_new_session=True)
        os.close(far)
        self.shown = b''
        threading.Thread(target=self._read, daemon=True).start()
        g.processes.append(self)
        wait_for(lambda: b'm/s' in self.shown, 20.0, 'a status line')
        wait_for(lambda: g.node.count_publishers('cmd_vel'), 5.0, 'a publisher')

    def _read(self):
        while True:
            try:
                self.shown += os.read(self.near, 1024)
            except OSError:
                return

    def hold(self, key: str, seconds: float, hz: float = 30.0) -> float:
        """Hold a key; return the time of its last repeat."""
        end = time.monotonic() + seconds
        while True:
            at = time.monotonic()
            os.write(self.near, key.encode())
            if at > end:
                return at
            time.sleep(1 / hz)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def g():
    pytest.importorskip('rclpy')
    from ros_harness import graph
    with graph() as opened:
        yield opened


def test_27_holding_drives_and_releasing_stops(g, trial):
    from ros_harness import assert_within, wait_for
    terminal = Terminal(g)
    released = terminal.hold('w', 1.0)
    driven = [command for at, command in g.received if at <= released]
    assert len(driven) > 15 and set(driven[1:]) == {Command(0.2, 0.0, 0.0)}
    at, _ = wait_for(lambda: g.zero(released), 2.0, 'a zero')
    assert_within(at - released, 0.1, released)
    time.sleep(1.5)
    count = len(g.received)
    time.sleep(0.3)
    assert len(g.received) == count, 'then it is silent, and others may drive'


@pytest.mark.parametrize('how', ['hang up', 'signal'])
def test_27_the_end_is_a_zero(g, how, trial):
    from ros_harness import assert_within, wait_for
    terminal = Terminal(g, '--ros-args', '-p', 'base:=differential')
    terminal.hold('a', 0.5)
    assert g.last().angular_z > 0 and g.last().linear_y == 0
    ended = time.monotonic()
    if how == 'signal':
        terminal.process.send_signal(signal.SIGINT)
    else:
        os.close(terminal.near)
    assert terminal.process.wait(5.0) in (0, -signal.SIGHUP)
    assert_within(wait_for(lambda: g.zero(ended), 3.0, 'a zero')[0] - ended, 0.3, ended)
    assert g.last() == STOP


def test_an_episode_is_recorded_by_key(g, tmp_path):
    from ros_harness import wait_for
    terminal = Terminal(g)
    os.write(terminal.near, b'n')
    wait_for(lambda: b'no record node' in terminal.shown, 5.0, 'a complaint')
    g.start('-m', 'mobile_vla_ros', 'record', '--ros-args', '-p', f'folder:={tmp_path}')
    wait_for(lambda: b'ready' in terminal.shown, 20.0, 'a recorder')
    g.stream()
    for typed in ('i왼쪽으로 가'.encode(), b'\n', b'otwo boxes\n', b'3'):
        os.write(terminal.near, typed)
    wait_for(lambda: b'distance: far' in terminal.shown, 5.0, 'an answer')
    os.write(terminal.near, b'n')
    wait_for(lambda: b'recording' in terminal.shown, 5.0, 'a recording')
    terminal.hold('w', 0.6)
    os.write(terminal.near, b'm')
    wait_for(lambda: b'kept; 1 two boxes' in terminal.shown, 5.0, 'an episode')
    wait_for(lambda: re.search(rb'ready  \d+ Hz  1 of 1 kept: two boxes', terminal.shown), 5.0,
             'a count')
    info = read_info(next(tmp_path.iterdir()))
    assert [info[name] for name in ('instruction', 'scenario', 'distance')] == [
        '왼쪽으로 가', 'two boxes', 'far']


def test_a_change_while_it_runs_is_refused(g):
    terminal = Terminal(g)
    for name, value in (('base', 'differential'), ('stamped', True), ('frame_id', 'other')):
        result = g.set('teleop', **{name: value})
        assert not result.successful
        assert result.reason == f'parameter {name} is taken at start: restart the node to set ' \
            f'{value!r}'
    terminal.hold('a', 0.5)
    assert g.last() == Command(0.0, 0.2, 0.0), 'it still moves sideways'


def test_without_a_terminal_it_says_so(g):
    process = g.start('-m', 'mobile_vla_ros', 'teleop')
    process.child.stdin = None
    assert process.wait(20.0) == 2
    assert 'needs a terminal' in ''.join(process.lines)
