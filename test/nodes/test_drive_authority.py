"""Whatever takes authority away, over real DDS: zeros at once, then silence."""

import signal
import time

from lifecycle_msgs.srv import GetState
import pytest
from std_srvs.srv import SetBool, Trigger

from mobile_vla_ros.contract import STOP

from support.drive_checks import assert_stopped_for, assert_zeros_then_silence, BROKEN, TRIALS
from support.ros_harness import assert_within, graph, SOAK, wait_for


@pytest.mark.parametrize('number, kind', [
    (signal.SIGINT, 'good'), (signal.SIGTERM, 'good'), (signal.SIGINT, 'hang')])
def test_21_a_signal_sends_zeros_and_ends_the_process(number, kind):
    for _ in range(1 if SOAK == 1 else 25):
        with graph() as g:
            process = g.drives(kind)
            g.stream(fault=True)
            wait_for(lambda: len(g.received) > 10, 2.0, 'some commands')
            at = process.send(number)
            assert process.wait(3.0) == 0
            assert_within(time.monotonic() - at, 1.0, at)
            wait_for(lambda: len([t for t, command in g.received if t > at]) >= 3, 3.0, 'zeros')
            after = [item for item in g.received if item[0] > at + 0.02]
            assert all(command == STOP for _, command in after) and len(after) >= 3
            assert_within(g.zero(at)[0] - at, 0.1, at)


@pytest.mark.parametrize('how', ['deactivate', 'stop', 'disarm'])
def test_28_losing_authority_sends_zero(how):
    with graph() as g:
        g.drives()
        for _ in range(TRIALS):
            at = time.monotonic()
            if how == 'deactivate':
                assert g.change(4)
            elif how == 'stop':
                assert g.call(Trigger, 'drive/stop').success
                assert not g.call(SetBool, 'drive/arm', data=True).success
            else:
                assert g.call(SetBool, 'drive/arm', data=False).success
            done = time.monotonic()
            zero = wait_for(lambda: g.zero(at), 3.0, 'a zero')
            assert_within(zero[0] - done, 0.1, at)
            assert_stopped_for(g, zero[0], 0.9)
            if how == 'deactivate':
                wait_for(lambda: time.monotonic() - g.received[-1][0] > 0.5, 3.0, 'silence')
                assert g.change(3)
            else:
                assert g.call(Trigger, 'drive/reset').success
                assert g.moving(done) is None
                assert g.call(SetBool, 'drive/arm', data=True).success
            wait_for(lambda: g.moving(done), 3.0, 'moving again')


UNCONFIGURED, FINALIZED = 1, 4


@pytest.mark.parametrize('method, transition, state', [
    ('unbroken', 7, FINALIZED), ('on_shutdown', 7, UNCONFIGURED),
    ('on_deactivate', 4, UNCONFIGURED)])
def test_28_a_shutdown_or_an_error_sends_zeros_then_nothing(method, transition, state):
    for _ in range(TRIALS):
        with graph() as g:
            process = g.start('-c', BROKEN.format(method=method), '--ros-args', '-p',
                              'armed:=true', '-p', 'instruction:=go')
            g.stream()
            wait_for(g.moving, 20.0, 'a moving base')
            at = time.monotonic()
            g.change(transition)
            assert g.call(GetState, 'drive/get_state').current_state.id == state
            assert_zeros_then_silence(g, at, time.monotonic())
            assert process.child.poll() is None


def test_28_an_error_outside_the_lifecycle_sends_zeros_and_ends_the_process(trial):
    with graph() as g:
        process = g.start('-c', BROKEN.format(method='_on_instruction'), '--ros-args', '-p',
                          'armed:=true', '-p', 'instruction:=go')
        g.stream()
        wait_for(g.moving, 20.0, 'a moving base')
        at = time.monotonic()
        g.say('go left')
        assert process.wait(3.0) == 1
        assert_zeros_then_silence(g, at, at)
        assert 'RuntimeError: no such: the node ends' in ''.join(process.lines)
