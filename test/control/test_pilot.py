"""The pilot between what comes in and what goes out: whatever takes authority away, at once."""

import signal
import threading
import time

import numpy as np
import pytest

from mobile_vla_ros.contract import NS, Plan, STOP
from mobile_vla_ros.control.guard import GuardConfig
from mobile_vla_ros.control.output import LAST_ZEROS
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.control.status import ERROR, OK

from support.pilots import Drive, running, Straight
from support.stalls import stalled, wait_for

pytestmark = pytest.mark.nodes


class Erring(Straight):
    """Raises and says something absurd, in turns, except to 'go'."""

    calls = 0

    def plan(self, rgb, instruction, stamp_ns):
        if instruction == 'go':
            return super().plan(rgb, instruction, stamp_ns)
        time.sleep(0.05)
        self.calls += 1
        if self.calls % 2:
            raise RuntimeError('no such')
        return Plan(np.full((1, 3), np.nan, np.float32), stamp_ns, NS)


@pytest.fixture
def drive():
    driving = Drive()
    yield driving
    driving.close()


def test_28_deactivation_has_sent_zero_when_it_returns(drive):
    drive.moving()
    drive.pilot.deactivate()
    assert drive.sent[-1][1] == STOP  # before the transition is answered, not a period later
    assert not drive.pilot.arming.armed and drive.pilot.instruction == ''
    at = time.monotonic()
    while time.monotonic() < at + 0.3:
        time.sleep(0.01)
    since = [command for t, command in drive.sent if t > at * NS]
    assert all(command == STOP for command in since)


@pytest.mark.parametrize('how, reason', [
    (lambda pilot: pilot.stop(), Reason.STOPPED),
    (lambda pilot: pilot.arm(False), Reason.DISARMED),
    (lambda pilot: pilot.on_instruction(''), Reason.NO_INSTRUCTION),
    (lambda pilot: pilot.reset(), Reason.DISARMED)])
def test_28_what_takes_authority_away_does_not_wait_for_its_turn(drive, how, reason):
    drive.moving()
    at = time.monotonic()
    how(drive.pilot)
    wait_for(lambda: drive.sent[-1][1] == STOP, 5.0, 'a zero')
    assert drive.sent[-1][0] / NS - at < 0.2 + stalled(at)
    assert drive.pilot.reason is reason


def test_21_the_end_sends_the_last_zeros_and_nothing_after(drive):
    drive.moving()
    drive.ended.set()
    drive.camera.join()
    before = len(drive.sent)
    assert drive.pilot.shutdown()
    assert [command for _, command in drive.sent[before:]] == [STOP] * LAST_ZEROS
    drive.pilot.stop()
    time.sleep(0.05)
    assert len(drive.sent) == before + LAST_ZEROS
    assert not drive.pilot.shutdown()


def test_who_cannot_show_a_plan_is_told_of_and_the_base_drives_on():
    calls, broken = [], threading.Event()

    def on_plan(*_):
        calls.append(1)
        if broken.is_set():
            raise ValueError('no such picture\nnor line')
    with running(on_plan=on_plan) as drive:
        drive.moving()
        assert drive.told()[:2] == [OK, 'no failure']
        broken.set()
        drive.until(lambda: drive.told()[2]['plans not shown'] >= 5, 'five plans not shown')
        level, words, _ = drive.told()
        assert level == ERROR and '(ValueError: no such picture)' in words
        assert 'without annotate and publish_plan' in words
        before = len(drive.sent)
        drive.until(lambda: len(drive.sent) > before + 5, 'commands')
        assert all(command != STOP for _, command in drive.sent[before:]), 'they are sound'
        broken.clear()
        drive.until(lambda: drive.told()[0] == OK, 'all is well')
        assert drive.told()[2]['plans not shown'] >= 5, 'the count stays'
        broken.set()
        drive.until(lambda: drive.told()[0] == ERROR, 'an error')
        drive.pilot.reset()
        broken.clear()
        assert drive.pilot.arm(True)[0]
        drive.moving()


class Odd(Straight):
    """Returns what is no plan, to 'err'."""

    answer = None

    def plan(self, rgb, instruction, stamp_ns):
        return self.answer if instruction == 'err' else super().plan(rgb, instruction, stamp_ns)


@pytest.mark.parametrize('answer', [None, 7, 'a plan', np.zeros((1, 3)), [[0.1, 0.0, 0.0]]])
def test_what_is_no_plan_stops_and_becomes_a_fault_that_a_reset_clears(answer):
    policy = Odd()
    policy.answer = answer
    with running(policy=policy) as drive:
        drive.moving()
        drive.pilot.on_instruction('err')
        drive.until(lambda: drive.pilot.reason is Reason.FAULT, 'a fault')
        level, words, values = drive.told()
        assert level == ERROR and f'it returned {type(answer).__name__}, not a plan' in words
        assert values['failed plans'] >= 10 and drive.sent[-1][1] == STOP
        drive.pilot.on_instruction('go')
        drive.pilot.reset()
        assert drive.pilot.arm(True)[0]
        drive.moving()


def test_what_nobody_foresaw_stops_as_a_failure_of_the_policy(monkeypatch):
    with running() as drive:
        drive.moving()
        with monkeypatch.context() as patched:
            def picture(*_):
                raise MemoryError('none left')
            patched.setattr(drive.pilot.health, 'note_picture', picture)
            drive.until(lambda: drive.pilot.reason is Reason.FAULT, 'a fault')
            assert 'after a frame: MemoryError: none left' in drive.told()[1]
            assert drive.sent[-1][1] == STOP
        drive.pilot.reset()
        assert drive.pilot.arm(True)[0]
        drive.moving()


def test_diagnostics_that_fail_are_counted_and_stop_nothing(capfd):
    told, broken = [], threading.Event()

    def on_news():
        told.append(1)
        if broken.is_set():
            raise RuntimeError('no such topic')
    with running(on_news=on_news) as drive:
        drive.moving()
        broken.set()
        drive.pilot.stop()
        drive.until(lambda: drive.told()[2]['diagnostics not told'] == 1, 'one not told')
        assert 'diagnostics cannot be published (RuntimeError: no such topic)' in \
            capfd.readouterr().err
        broken.clear()
        drive.pilot.reset()
        assert drive.pilot.arm(True)[0]
        drive.moving()
        assert drive.told()[2]['diagnostics not told'] == 1 and not drive.pilot.failed


def test_a_node_that_cannot_publish_commands_ends_disarmed(capfd):
    ended = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        with running() as drive:
            drive.moving()
            drive.broken = True
            drive.until(ended.is_set, 'a signal to end')
            assert drive.pilot.failed and not drive.pilot.arming.armed
            drive.broken = False
            sent = len(drive.sent)
            drive.until(lambda: len(drive.sent) > sent + 3, 'what goes out after all')
            assert all(command == STOP for _, command in drive.sent[sent:])
        error = capfd.readouterr().err
        assert error.count('no command goes out (RuntimeError: no such publisher)') == 1
    finally:
        signal.signal(signal.SIGTERM, before)


def test_failed_plans_and_replaced_frames_are_counted_for_good():
    policy = Erring()
    drive = Drive(policy)

    def told():
        return {key: value for *_, values in drive.pilot.statuses('drive', 'image', '')[1]
                for key, value in values.items()}
    try:
        drive.moving()
        before = told()
        assert before['failed plans'] == 0
        drive.pilot.on_instruction('err')
        wait_for(lambda: policy.calls >= 6, 10.0, 'six calls')
        drive.pilot.on_instruction('go')
        wait_for(lambda: not drive.pilot.guard.failures, 10.0, 'a good plan')
        after = told()
        assert drive.pilot.guard.failures == 0 < policy.calls == after['failed plans']
        assert after['replaced by newer ones'] >= before['replaced by newer ones'] + 3
    finally:
        drive.close()


class Slow(Straight):
    """Gives its next plan only when it may."""

    def __init__(self, speed):
        self.speed, self.asked, self.may = speed, threading.Event(), threading.Event()

    def plan(self, rgb, instruction, stamp_ns):
        self.asked.set()
        assert self.may.wait(10.0)
        return Plan(np.array([[self.speed, 0.0, 0.0]], np.float32), stamp_ns, NS)


def test_a_plan_of_the_policy_before_is_not_driven_after_a_change():
    before, after = Slow(-0.4), Slow(0.4)
    before.may.set()
    drive = Drive(before)
    try:
        drive.moving()
        before.may.clear()
        before.asked.clear()
        assert before.asked.wait(10.0), 'it plans, and goes on while it is replaced'
        drive.pilot.update(GuardConfig(), after)
        assert not drive.pilot.arming.armed and drive.pilot.arm(True)[0]
        assert not drive.pilot.guard.watchdog.streak, 'of what may be driven by'
        at = time.monotonic_ns()
        before.may.set()
        assert after.asked.wait(10.0)
        assert not drive.pilot.guard.watchdog.streak, 'the plan that came too late is none'
        after.may.set()
        drive.moving()
        assert min(command.linear_x for ns, command in drive.sent if ns > at) == 0.0
    finally:
        before.may.set()
        after.may.set()
        drive.close()
