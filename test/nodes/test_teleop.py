"""The teleop node in a real terminal, over DDS."""

import os
import re
import signal
import time

import pytest

pytest.importorskip('rclpy')
from support.ros_harness import assert_within, graph, wait_for  # noqa: E402
from support.terminal import Terminal  # noqa: E402

from mobile_vla_ros.contract import Command, STOP  # noqa: E402
from mobile_vla_ros.data.bag_paths import read_info  # noqa: E402


@pytest.fixture
def g():
    with graph() as opened:
        yield opened


def test_27_holding_drives_and_releasing_stops(g, trial):
    terminal = Terminal(g)
    released = terminal.hold('w', 1.0)
    driven = [command for at, command in g.received if at <= released]
    assert len(driven) > 15 and set(driven[1:]) == {Command(0.2, 0.0, 0.0)}
    at, _ = wait_for(lambda: g.zero(released), 2.0, 'a zero')
    assert_within(at - released, 0.1, released)
    wait_for(lambda: time.monotonic() - g.received[-1][0] > 0.5, 5.0,
             'silence, in which others may drive')


@pytest.mark.parametrize('how', ['hang up', 'signal'])
def test_27_the_end_is_a_zero(g, how, trial):
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


def test_35_arrows_and_pastes_in_a_terminal(g):
    terminal = Terminal(g, '--ros-args', '-p', 'base:=differential')
    wait_for(lambda: b'\x1b[?2004h' in terminal.shown, 5.0, 'pastes to be asked for as such')
    for sequence in ('\x1b[3~', '\x1b[15~', '\x1b[1;5D', '\x1bw', '\x1b[O',
                     '\x1b[200~wasd\x1b[201~'):
        os.write(terminal.near, sequence.encode())
    os.write(terminal.near, b'\x9bw')  # a byte for two characters
    os.write(terminal.near, b'\x1b[')  # in two writes
    time.sleep(0.1)
    os.write(terminal.near, b'D')
    wait_for(g.moving, 5.0, 'a turn')
    assert {command for _, command in g.received if command != STOP} == {Command(0.0, 0.0, 0.4)}


def test_an_episode_is_recorded_by_key(g, tmp_path):
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
