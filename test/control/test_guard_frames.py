"""Frames in the guard: stalls, stamps, what cannot be read, and which reason is told."""

import pytest

from mobile_vla_ros.contract import NS, STOP
from mobile_vla_ros.control.guard import Guard
from mobile_vla_ros.control.reasons import Reason

from support.guards import driving, make_plan, MS, TIMEOUT


@pytest.mark.parametrize('delay, age_s', [
    ((), 0.0), ((0,), 0.0), ((5,), 5e-9), ((-1,), 0.0), ((NS + 1,), 0.0)])
def test_a_frame_is_as_old_as_is_said_to_the_nanosecond(delay, age_s):
    guard = driving()
    guard.age.note(0.0, 1e9)  # what was before is forgotten
    guard.accept_frame(2 * NS, 130 * MS, *delay)
    guard.accept_plan(make_plan(), 'go left', 2 * NS, 130 * MS)
    assert guard.tick(130 * MS).reason is Reason.DRIVING
    assert guard.age.seconds == age_s and guard.cap == guard.config.stopping.cap(age_s)


def test_reasons_from_start_to_driving():
    guard = Guard()
    seen = [guard.tick(0).reason]
    guard.arming.arm()
    seen.append(guard.tick(0).reason)
    guard.accept_instruction('go', 0)
    seen.append(guard.tick(0).reason)
    for now in range(3):
        guard.accept_frame(now + 1, now)
        seen.append(guard.tick(now).reason)
        guard.accept_plan(make_plan(), 'go', now + 1, now)
    seen.append(guard.tick(3).reason)
    assert seen == [Reason.DISARMED, Reason.NO_INSTRUCTION, Reason.NO_FRAMES, Reason.STARTING,
                    Reason.RECOVERING, Reason.RECOVERING, Reason.DRIVING]


def test_a_stall_stops_and_three_frames_resume():
    guard = driving()
    assert guard.deadline_ns() is None  # at rest, so far
    guard.tick(150 * MS)
    assert guard.deadline_ns() == 350 * MS + 1
    assert guard.tick(350 * MS).reason is Reason.DRIVING
    assert guard.tick(350 * MS + 1) == (STOP, Reason.NO_FRAMES)
    seen = []
    for now in (600 * MS, 650 * MS, 700 * MS):
        guard.accept_frame(now + NS, now)
        guard.accept_plan(make_plan(), 'go left', now + NS, now)
        seen.append(guard.tick(now).reason)
    assert seen == [Reason.RECOVERING, Reason.RECOVERING, Reason.DRIVING]


def test_frames_without_plans_mean_slow_inference():
    guard = driving()
    for now in range(150 * MS, 500 * MS, 50 * MS):
        guard.accept_frame(now + NS, now)
    assert guard.tick(450 * MS) == (STOP, Reason.SLOW)


def test_frames_that_cannot_be_read_are_named():
    guard = driving()
    guard.note_unreadable()
    assert guard.tick(150 * MS).reason is Reason.DRIVING
    guard.accept_frame(NS + 400 * MS, 400 * MS)
    assert guard.tick(400 * MS) == (STOP, Reason.UNREADABLE)
    guard.accept_plan(make_plan(), 'go left', NS + 400 * MS, 400 * MS)
    assert guard.tick(400 * MS) == (STOP, Reason.RECOVERING)


def test_stamps_that_go_backwards_are_refused_until_reset():
    guard = driving()
    for now in range(150 * MS, 500 * MS, 50 * MS):
        assert not guard.accept_frame(now, now)  # stamps 1 s older than before
    assert guard.tick(450 * MS) == (STOP, Reason.BACKWARDS)
    assert guard.tick(800 * MS) == (STOP, Reason.NO_FRAMES)
    guard.reset()
    assert guard.accept_frame(850 * MS, 850 * MS)
    assert guard.tick(850 * MS).reason is Reason.DISARMED


def test_the_first_stamp_begins_an_order_and_none_after_it_goes_backwards():
    guard = Guard()
    assert guard.accept_frame(NS, 0, stamped=False)
    assert guard.accept_frame(NS + 1, 1, stamped=False)
    assert not guard.accept_frame(NS + 1, 2, stamped=False), 'received at once: the same one'
    assert guard.accept_frame(0, 3), 'its own clock begins here'
    assert not guard.accept_frame(0, 4) and guard.accept_frame(1, 5)
    assert not guard.accept_frame(2 * NS, 6, stamped=False)
    assert guard.accept_frame(2, 7)
    guard.reset()
    assert guard.accept_frame(2 * NS, 8, stamped=False)
    guard.reset()
    assert guard.accept_frame(NS, 8, stamped=False)
    guard.reset()
    assert not guard.arming.armed and guard.accept_frame(1, 9)


def test_one_old_frame_is_dropped_without_a_stop():
    guard = driving()
    assert not guard.accept_frame(NS, 110 * MS)
    assert not guard.accept_frame(NS + 100 * MS, 115 * MS)  # the same stamp again
    assert guard.tick(120 * MS).reason is Reason.DRIVING


def why(guard, now):
    return guard.tick(now).reason


def test_the_reason_for_standing_is_told_to_the_nanosecond():
    guard = Guard()
    guard.arming.arm()
    guard.accept_instruction('go left', 0)
    assert why(guard, 0) is Reason.NO_FRAMES
    assert guard.accept_frame(NS, 0)
    assert why(guard, TIMEOUT) is Reason.STARTING
    assert why(guard, TIMEOUT + 1) is Reason.NO_FRAMES
    assert not guard.accept_frame(NS, TIMEOUT + 2)
    assert why(guard, 2 * TIMEOUT + 2) is Reason.BACKWARDS
    assert why(guard, 2 * TIMEOUT + 3) is Reason.NO_FRAMES
    now = 3 * TIMEOUT
    assert guard.accept_frame(2 * NS, now)
    guard.note_unreadable()
    assert why(guard, now) is Reason.UNREADABLE
    assert guard.accept_plan(make_plan(), 'go left', 2 * NS, now)
    assert why(guard, now) is Reason.RECOVERING
    assert why(guard, now + TIMEOUT) is Reason.RECOVERING
    assert guard.accept_frame(3 * NS, now + TIMEOUT)
    assert why(guard, now + TIMEOUT + 1) is Reason.SLOW
    guard.note_failure('boom')
    assert why(guard, now + TIMEOUT + 1) is Reason.FAILING
