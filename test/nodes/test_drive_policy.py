"""Faults of the policy over real DDS: absurd, slow, hanging, raising."""

import time

from geometry_msgs.msg import TwistStamped
import numpy as np
import pytest
from std_srvs.srv import SetBool, Trigger

from mobile_vla_ros import messages

from support.drive_checks import (
    assert_error, assert_no_stop, assert_stopped_for, assert_stops, assert_told, BROKEN,
    PERIOD_S, TRANSPORT_S)
from support.ros_harness import assert_within, graph, wait_for


@pytest.mark.parametrize('kind', ['nan', 'inf', 'huge'])
def test_4_an_absurd_output_is_dropped_and_stops(kind, trial):
    with graph() as g:
        g.drives(kind, max_failures=1000)
        g.still()
        first = len(g.sent)
        g.stream(fault=True)
        at = wait_for(lambda: g.sent[first:], 2.0, 'a frame')[0]
        zero = wait_for(lambda: g.zero(at), 2.0, 'a zero')
        assert_within(zero[0] - at, PERIOD_S + TRANSPORT_S, at)
        assert_stopped_for(g, zero[0])
        assert np.isfinite([command for _, command in g.received]).all()
        assert np.abs([command for _, command in g.received]).max() <= 1.0
        assert_error(g, 'wanted finite values')
        good = time.monotonic()
        g.stream()
        wait_for(lambda: g.moving(good), 3.0, 'moving again')


def test_14_slow_inference_works_on_the_newest_frame(trial):
    with graph() as g:
        ages = []  # (age s of a frame when it is answered, steady time s)
        g.node.create_subscription(TwistStamped, 'drive/plan', lambda msg: ages.append(
            (time.time() - messages.to_ns(msg.header.stamp) / 1e9, time.monotonic())), 50)
        g.drives('slow', publish_plan=True)
        wait_for(lambda: len(g.sent) > 60 and len(ages) > 30, 5.0, 'some frames')
        at = time.monotonic()
        g.stream(red=0)
        wait_for(lambda: [t for t, twist in g.received if t > at and twist[0] < 0.49], 3.0,
                 'the new command')
        wait_for(lambda: g.moving(at), 3.0, 'driving on')
        assert_no_stop(g, at, age=PERIOD_S + 2 * 0.080)  # waits, is planned for, then the next
        age, answered = max(ages[5:])  # the first ones wait for a policy that wakes up
        assert_within(age, PERIOD_S + 0.080 + TRANSPORT_S, answered - age)
        values = {v.key: v.value for v in g.diagnostics['drive: policy'].values}
        assert float(values['inference_ms_p50_p99'].split()[0]) >= 80.0
        assert int(values['failed plans']) == 0
        values = {v.key: v.value for v in g.diagnostics['drive: camera'].values}
        assert int(values['accepted']) > int(values['replaced by newer ones']) > 10


def test_15_hanging_inference_stops_by_itself(trial):
    with graph() as g:
        g.drives('hang')
        g.stream(fault=True)
        at = wait_for(lambda: g.sent[-1], 3.0, 'a frame')  # the first that hangs, or the next
        zero = assert_stops(g, at)
        assert_stopped_for(g, zero)
        assert_error(g, 'inference takes longer than image_timeout')
        g.stream()
        wait_for(lambda: g.moving(zero), 8.0, 'moving after the hang')


def test_16_a_model_that_raises_stops_retries_and_faults(trial):
    with graph() as g:
        process = g.drives('raise', max_failures=40)
        at = time.monotonic()
        g.stream(fault=True)
        zero = wait_for(lambda: g.zero(at), 2.0, 'a zero')
        assert_within(zero[0] - at, 0.15, at)
        assert_error(g, 'the policy fails (RuntimeError: no such)')
        g.stream()
        wait_for(lambda: g.moving(zero[0]), 2.0, 'moving again')
        g.stream(fault=True)
        assert_error(g, 'failed too often (RuntimeError: no such); read the error, then call', 5.0)
        g.stream()
        since = time.monotonic()
        answer = g.call(SetBool, 'drive/arm', data=True)
        assert not answer.success and '~/reset' in answer.message
        assert g.call(Trigger, 'drive/reset').success
        assert g.moving(since) is None
        assert g.call(SetBool, 'drive/arm', data=True).success
        wait_for(lambda: g.moving(since), 2.0, 'moving after the reset')
        assert process.child.poll() is None
        failed = {v.key: v.value for v in g.diagnostics['drive: policy'].values}['failed plans']
        assert int(failed) > 40, 'those before the reset stay counted'


def test_16_an_error_in_showing_a_plan_is_told_and_the_base_drives_on(trial):
    with graph() as g:
        process = g.start('-c', BROKEN.format(method='_on_plan'), '--ros-args', '-p',
                          'armed:=true', '-p', 'instruction:=go')
        g.stream()
        at = wait_for(g.moving, 20.0, 'a moving base')[0]
        assert_told(g, 'policy', 'not shown (RuntimeError: no such)', at)
        wait_for(lambda: time.monotonic() > at + 1.0, 2.0, 'some commands')
        assert_no_stop(g, at)
        assert g.call(Trigger, 'drive/reset').success
        since = time.monotonic()
        assert g.call(SetBool, 'drive/arm', data=True).success
        wait_for(lambda: g.moving(since), 2.0, 'moving after the reset')
        assert process.child.poll() is None
