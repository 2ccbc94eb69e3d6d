"""Clocks and stamps over real DDS: what goes back, jumps, is off or missing."""

import time

from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped
import numpy as np
import pytest
from rosgraph_msgs.msg import Clock
from std_srvs.srv import SetBool, Trigger

from mobile_vla_ros import messages

from support.drive_checks import (
    assert_error, assert_no_stop, assert_resumes, assert_stopped_for, assert_stops,
    assert_told, PERIOD_S, RESUME_S, WARN)
from support.ros_harness import assert_within, graph, wait_for


def test_11_frames_older_than_the_newest_are_never_driven_by(trial):
    with graph() as g:
        g.drives()
        g.stamp_offset_ns = -3600 * 10**9
        at = g.still()
        g.stream(red=200)
        zero = assert_stops(g, at)
        assert_stopped_for(g, zero)
        assert_error(g, 'image stamps go backwards')
        assert max(command[0] for _, command in g.received) <= 128 / 255
        g.call(Trigger, 'drive/reset')
        assert g.call(SetBool, 'drive/arm', data=True).success
        wait_for(lambda: g.moving(time.monotonic() - 0.05), 2.0, 'moving again')


def test_12_a_clock_that_jumps_changes_nothing(trial):
    with graph() as g:
        clock = g.node.create_publisher(Clock, '/clock', 10)
        g.drives(use_sim_time=True)
        for sec in (10**6, 10**6 + 3600, 10**6 - 3600, 0):
            at = time.monotonic()
            clock.publish(Clock(clock=Time(sec=sec)))
            wait_for(lambda: time.monotonic() > at + 0.4, 3.0, 'some commands')
            told = time.monotonic()
            wait_for(lambda: g.history[-1][0] > told, 3.0, 'diagnostics that go on')
            last = g.still()
            assert_no_stop(g, at, last)
            assert_stops(g, last)
            back = time.monotonic()
            g.stream()
            assert_resumes(g, back)


HOUR_NS = 3600 * 10**9


def test_12_stamps_that_jump_ahead_are_driven_by_and_back_are_not(trial):
    with graph() as g:
        g.drives()
        at = time.monotonic()
        g.stamp_offset_ns = HOUR_NS
        wait_for(lambda: 'stamps are +3600' in g.diagnostics['drive: camera'].message, 2.0, 'told')
        wait_for(lambda: time.monotonic() > at + 0.5, 2.0, 'some commands')
        assert_no_stop(g, at)
        for hours in (0, -1):  # an hour and two hours before the newest
            at = time.monotonic()
            g.stamp_offset_ns = hours * HOUR_NS
            zero = assert_stops(g, at)
            assert_stopped_for(g, zero)
            assert_error(g, 'image stamps go backwards')
            at = time.monotonic()
            g.stamp_offset_ns = HOUR_NS  # newer ones again
            moving = wait_for(lambda: g.moving(at), 2.0, 'moving again')
            assert_within(moving[0] - at, RESUME_S + PERIOD_S, at)
        at = time.monotonic()
        g.stamp_offset_ns = -HOUR_NS  # for good: an operator says that it is so
        wait_for(lambda: g.zero(at), 2.0, 'a zero')
        assert g.call(Trigger, 'drive/reset').success
        reset = time.monotonic()
        assert g.call(SetBool, 'drive/arm', data=True).success
        wait_for(lambda: g.moving(reset), 2.0, 'moving by the older stamps')


@pytest.mark.parametrize('seconds', [10, -10])
def test_13_a_camera_clock_that_is_off_is_told_and_nothing_else(seconds, trial):
    with graph() as g:
        g.stamp_offset_ns = seconds * 10**9
        g.drives()
        at, _ = g.received[0]  # since it looks at frames
        assert_told(g, 'camera', f'stamps are {seconds:+d}.0 s off this clock', at, WARN)
        wait_for(lambda: time.monotonic() > at + 2.0, 3.0, 'some commands')
        last = g.still()
        assert_stops(g, last)
        assert_no_stop(g, g.moving()[0], last)


@pytest.mark.parametrize('sim_time', [False, True])
def test_13_a_camera_that_does_not_stamp_is_told_and_drives_by_the_time_of_receipt(sim_time):
    with graph() as g:
        stamps = []  # (of a plan, of its receipt), ns
        g.node.create_subscription(TwistStamped, 'drive/plan', lambda msg: stamps.append(
            (messages.to_ns(msg.header.stamp), time.time_ns())), 50)
        g.stamped = False
        process = g.drives(publish_plan=True, use_sim_time=sim_time)
        at, _ = g.received[0]
        assert_told(g, 'camera', 'frames are not stamped (header.stamp is 0)', at, WARN)
        values = {value.key: value.value for value in g.diagnostics['drive: camera'].values}
        assert values['stamp minus clock, s'] == 'not stamped'
        wait_for(lambda: len(stamps) > 20, 3.0, 'plans')
        if not sim_time:
            assert all(-0.001 < (now - stamp) / 1e9 < 1.0 for stamp, now in stamps)
        assert 0.9 < np.diff([stamp for stamp, _ in stamps]).sum() / (
            stamps[-1][1] - stamps[0][1]) < 1.1
        last = g.still()
        assert_stops(g, last)
        back = time.monotonic()
        g.stream()
        assert_resumes(g, back)
        assert_no_stop(g, g.moving()[0], last)
        assert ''.join(process.lines).count('frames are not stamped') == 1
        at = time.monotonic()  # simulated time begins with a stamp of 0 and goes on so
        g.stamp_offset_ns, g.stamped = 10**9 - time.time_ns(), True
        wait_for(lambda: time.monotonic() > at + 0.5, 2.0, 'some commands')
        assert_no_stop(g, at)
        g.stamped, at = False, time.monotonic()
        assert_stops(g, at)
        assert_error(g, 'image stamps go backwards')
        assert g.call(Trigger, 'drive/reset').success
        reset = time.monotonic()
        assert g.call(SetBool, 'drive/arm', data=True).success
        wait_for(lambda: g.moving(reset), 2.0, 'moving')


def test_13_stamps_of_uptime_are_told_in_words_and_drive_by_the_time_of_receipt():
    with graph() as g:
        g.stamp_offset_ns = time.monotonic_ns() - time.time_ns()
        g.drives()
        at, _ = g.received[0]
        assert_told(g, 'camera', 'behind this clock, by the time of receipt', at, WARN)
        values = {value.key: value.value for value in g.diagnostics['drive: camera'].values}
        assert values['stamp minus clock, s'] == 'of another epoch'
        wait_for(lambda: g.last()[0] > 0.45, 3.0, 'full speed')
        last = g.still()
        assert_stops(g, last)
        assert_no_stop(g, g.moving()[0], last)
