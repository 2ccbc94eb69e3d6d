"""When a command goes out: at its turn, at a plan, and a STOP at once."""

from support.guards import driving, make_plan, MS, TIMEOUT

from mobile_vla_ros.contract import NS, STOP
from mobile_vla_ros.control.planner import Frame
from mobile_vla_ros.control.reasons import Decision, Reason
from mobile_vla_ros.control.schedule import Schedule

START = 150 * MS


def moving():
    """Return a schedule whose last command moves the base, at START; its guard drives."""
    schedule = Schedule(driving(), 20.0, START)
    assert schedule.decide(START).reason is Reason.DRIVING and schedule.last != STOP
    return schedule


def test_it_is_due_at_its_turn_or_when_what_is_driven_by_becomes_too_old():
    schedule = Schedule(driving(), 1.0, START)
    assert schedule.due_ns == START
    schedule.decide(START)
    assert schedule.due_ns == 100 * MS + TIMEOUT + 1, 'before its turn, a second later'
    assert schedule.decide(schedule.due_ns) == (STOP, Reason.NO_FRAMES)
    assert schedule.due_ns == START + NS


def test_a_new_one_has_nothing_to_stop():
    guard = driving()
    guard.arming.disarm()
    schedule = Schedule(guard, 20.0, START)
    assert schedule.last == STOP and not schedule.must_stop(START)


def test_only_a_base_that_moves_and_may_not_must_stop():
    schedule = moving()
    assert not schedule.must_stop(START)
    schedule.guard.arming.disarm()
    assert schedule.must_stop(START)
    schedule.decide(START)
    assert not schedule.must_stop(START), 'it stands'


def test_a_plan_goes_out_at_once_near_its_turn_and_the_second_for_a_frame_does_not():
    schedule = moving()
    sent = []
    for number in range(1, 6):
        now = START + number * 50 * MS
        frame = Frame(None, now + NS, now)
        schedule.guard.accept_frame(now + NS, now)
        schedule.guard.accept_plan(make_plan(), 'go left', now + NS, now)
        sent.append(schedule.accept_plan(frame, now))
        schedule.decide(now)
        assert not schedule.accept_plan(frame, now)
    assert sent == [False, False, True, True, True], 'once it is in step with the camera'


def test_an_inactive_one_sends_zeros_at_its_pace():
    schedule = moving()
    schedule.active = False
    assert schedule.due_ns == START + 50 * MS and not schedule.must_stop(START)
    assert not schedule.accept_plan(Frame(None, 1, START), START)
    assert schedule.decide(START + 50 * MS) == Decision(STOP, Reason.INACTIVE)
    assert schedule.due_ns == START + 100 * MS
