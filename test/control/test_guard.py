"""Limits, watchdog, arming and the guard that joins them: tables and properties."""

import math
import os

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from mobile_vla_ros.contract import Command, ContractError, NS, Plan, STOP
from mobile_vla_ros.control.guard import (ABSURD, acceptable, Arming, Guard, Limiter, Limits,
                                          Reason, Watchdog)

MS = 1_000_000
TIMEOUT = 250 * MS
SOAK = int(os.environ.get('MOBILE_VLA_SOAK', 1))
MEASURES = 'MOBILE_VLA_FIGURES' in os.environ  # by make faults, which promises 10^6 outputs
anything = st.floats(allow_nan=True, allow_infinity=True)
speeds = st.floats(0.0, 5.0)
commands = st.builds(Command, anything, anything, anything)
sane = st.builds(Command, *[st.floats(-ABSURD, ABSURD)] * 3)


@st.composite
def limits(draw):
    velocity = draw(st.tuples(speeds, speeds, speeds))
    acceleration = draw(st.tuples(*[st.floats(0.01, 5.0)] * 3))
    more = draw(st.tuples(*[st.floats(1.0, 4.0)] * 3))
    return Limits(velocity, acceleration, tuple(a * m for a, m in zip(acceleration, more)))


@pytest.mark.parametrize('field, value, words', [
    ('velocity', (0.5, 0.5), 'limits.velocity needs 3 values'),
    ('velocity', (0.5, -0.1, 1.0), r'limits.velocity must be within 0..100, got \(0.5, -0.1'),
    ('velocity', (0.5, math.nan, 1.0), 'got .0.5, nan'),
    ('velocity', (math.inf, 0.5, 1.0), 'got .inf'),
    ('velocity', (101.0, 0.5, 1.0), 'got .101'),
    ('acceleration', (1.0, 1.0, 0.0), 'limits.acceleration of angular_z must be > 0 rad/s'),
    ('deceleration', (2.0, 0.9, 4.0), 'limits.deceleration of linear_y must be >= .* 1 m/s.*0.9'),
])
def test_bad_limits_are_refused_with_value_and_range(field, value, words):
    with pytest.raises(ValueError, match=words):
        Limits(**{field: value})


def test_the_fastest_that_is_not_absurd_is_allowed():
    assert Limits((ABSURD,) * 3, (ABSURD,) * 3, (ABSURD,) * 3).velocity == (100.0,) * 3


def test_an_axis_can_be_turned_off():
    limiter = Limiter(Limits((0.5, 0.0, 1.0), (1.0, 0.0, 2.0), (1.0, 0.0, 2.0)))
    for _ in range(20):
        command = limiter.limit(Command(0.3, 0.3, 0.3), 0.05)
    assert command == Command(0.3, 0.0, 0.3)


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf, 1e9, -1e9, 100.1])
@pytest.mark.parametrize('axis', range(3))
def test_absurd_values_stop(axis, value):
    limiter = Limiter(Limits())
    limiter.limit(Command(0.5, 0.5, 0.5), 0.1)
    wanted = [0.1, 0.1, 0.1]
    wanted[axis] = value
    assert limiter.limit(Command(*wanted), 0.05) == STOP
    assert limiter.last == STOP


def test_acceptable_looks_at_every_value():
    commands = np.zeros((5, 3), np.float32)
    assert acceptable(commands)
    commands[4, 2] = np.nan
    assert not acceptable(commands)


@given(limits(), st.lists(st.tuples(commands, st.floats(-1.0, 2.0)), max_size=30))
@settings(max_examples=150, deadline=None)
def test_no_output_is_ever_non_finite_or_over_a_limit(limits, wanted):
    limiter = Limiter(limits)
    for command, step_s in wanted:
        for value, top in zip(limiter.limit(command, step_s), limits.velocity):
            assert math.isfinite(value) and abs(value) <= top


def test_4_any_bit_pattern_gives_a_finite_output_within_limits():
    count = 1_000_000 if MEASURES else min(SOAK * 20_000, 1_000_000)
    bits = np.random.default_rng(4).integers(0, 2**64, (count, 3), np.uint64)
    limiter = Limiter(Limits())
    for wanted in bits.view(np.float64):
        for value, top in zip(limiter.limit(wanted, 0.05), limiter.limits.velocity):
            assert abs(value) <= top


@given(limits(), st.lists(st.tuples(sane, st.floats(0.0, 0.1)), max_size=30))
@settings(max_examples=150, deadline=None)
def test_speed_changes_within_the_limits_and_never_overshoots(limits, wanted):
    limiter = Limiter(limits)
    before = STOP
    for command, step_s in wanted:
        after = limiter.limit(command, step_s)
        for a, b, want, top, up, down in zip(before, after, command, limits.velocity,
                                             limits.acceleration, limits.deceleration):
            want = min(max(want, -top), top)
            assert abs(b - a) <= (up if abs(b) > abs(a) else down) * step_s + 1e-9
            assert min(a, want) - 1e-12 <= b <= max(a, want) + 1e-12
        before = after


@given(limits(), st.lists(sane, max_size=10), sane, st.floats(0.0, 0.1))
@settings(max_examples=150, deadline=None)
def test_braking_starts_in_the_very_tick_that_asks_for_it(limits, history, wanted, step_s):
    limiter = Limiter(limits)
    for command in history:
        limiter.limit(command, 0.1)
    before = limiter.last
    after = limiter.limit(wanted, step_s)
    for a, b, want, top, down in zip(before, after, wanted, limits.velocity, limits.deceleration):
        want = 0.0 if a * want < 0 else min(abs(want), top)
        if want <= abs(a):
            assert abs(b) == pytest.approx(max(want, abs(a) - down * step_s), abs=1e-9)
    assert limiter.stop() == limiter.last == STOP, 'and a stop is not braked but zero'


@given(limits(), sane)
@settings(max_examples=50, deadline=None)
def test_a_steady_wish_is_reached(limits, wanted):
    limiter = Limiter(Limits(limits.velocity, *[[a + 0.5 for a in axes] for axes in (
        limits.acceleration, limits.deceleration)]))
    for _ in range(101):  # 10 s at the least acceleration of 0.5
        command = limiter.limit(wanted, 0.1)
    assert command == pytest.approx(
        [min(max(value, -top), top) for value, top in zip(wanted, limits.velocity)])


def test_acceleration_braking_and_reversing_have_their_own_rates():
    limiter = Limiter(Limits((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (4.0, 4.0, 4.0)))
    speeds = [limiter.limit(Command(value), 0.1).linear_x
              for value in (1.0, 1.0, 1.0, 1.0, 1.0, 0.3, -1.0, -1.0, -1.0)]
    assert speeds == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.3, 0.0, -0.1, -0.2])


def test_a_late_tick_does_not_jump():
    assert Limiter(Limits()).limit(Command(0.5), 60.0).linear_x == pytest.approx(0.1)


def test_a_lowered_limit_holds_at_once():
    limiter = Limiter(Limits())
    for _ in range(10):
        limiter.limit(Command(0.5), 0.1)
    limiter.limits = Limits(velocity=(0.1, 0.5, 1.0))
    assert limiter.limit(Command(0.5), 0.05).linear_x == pytest.approx(0.1)


@given(st.lists(st.integers(1, 2 * TIMEOUT), min_size=1, max_size=40), st.integers(0, 2 * TIMEOUT))
def test_the_watchdog_lives_by_the_last_three_gaps(gaps, after):
    watchdog = Watchdog(TIMEOUT)
    now = 0
    for gap in gaps:
        now += gap
        watchdog.feed(now)
    steady = len(gaps) >= 3 and all(gap <= TIMEOUT for gap in gaps[-2:])
    assert watchdog.alive(now + after) == (steady and after <= TIMEOUT)


def test_the_watchdog_forgets_its_streak_when_found_expired():
    watchdog = Watchdog(TIMEOUT)
    for now in (0, 1, 2):
        watchdog.feed(now)
    assert watchdog.alive(2 + TIMEOUT)
    assert not watchdog.alive(3 + TIMEOUT)
    watchdog.feed(1 + TIMEOUT)  # planned late for a frame that came in time
    assert not watchdog.alive(3 + TIMEOUT)


def test_the_state_of_arming_is_true_or_false():
    arming = Arming()
    for act in (lambda: None, arming.disarm, arming.reset, arming.arm, arming.stop, arming.reset):
        act()
        assert {type(arming.armed), type(arming.latched)} == {bool}


def test_arming_after_a_stop_takes_two_acts():
    arming = Arming()
    assert not arming.armed
    assert arming.arm() and arming.armed
    arming.disarm()
    assert not arming.armed
    arming.arm()
    arming.stop()
    assert not arming.armed
    assert not arming.arm() and not arming.armed
    arming.reset()
    assert not arming.armed
    assert arming.arm()


def test_the_same_frame_again_is_not_fresh():
    watchdog = Watchdog(TIMEOUT)
    for _ in range(3):
        watchdog.feed(7)
    assert not watchdog.alive(7)


def make_plan(value=0.5, stamp_ns=0, rows=1):
    return Plan(np.full((rows, 3), value, np.float32), stamp_ns, 50 * MS)


def driving(**kwargs):
    """Return a guard that drives at 100 ms, its frames stamped 1 s later than they came."""
    guard = Guard(Limits(), TIMEOUT, **kwargs)
    guard.arming.arm()
    guard.instruct('go left', 0)
    for now in (0, 50 * MS, 100 * MS):
        assert guard.frame(now + NS, now)
        assert guard.plan(make_plan(stamp_ns=now + NS), 'go left', now + NS, now)
    assert guard.tick(100 * MS).reason is Reason.DRIVING
    return guard


def test_a_new_guard_is_stopped():
    assert Guard(Limits(), TIMEOUT).tick(0) == (STOP, Reason.DISARMED)
    arming = Arming()
    arming.stop()
    assert Guard(Limits(), TIMEOUT, arming=arming).tick(0).reason is Reason.STOPPED


def test_a_new_guard_knows_nothing_that_slows_or_fails():
    guard = Guard(Limits(), TIMEOUT)
    assert (guard.cap, guard.slowed, guard.instruction, guard.error, guard.failures) == (
        math.inf, '', '', '', 0)
    assert not guard.faulted and not guard.blocks and Watchdog(TIMEOUT).streak == 0
    assert guard.watchdog.timeout_ns == TIMEOUT and guard.watchdog.needed == 3


@pytest.mark.parametrize('delay, age_s', [
    ((), 0.0), ((0,), 0.0), ((5,), 5e-9), ((-1,), 0.0), ((NS + 1,), 0.0)])
def test_a_frame_is_as_old_as_is_said_to_the_nanosecond(delay, age_s):
    guard = driving()
    guard.age.note(0.0, 1e9)  # what was before is forgotten
    guard.frame(2 * NS, 130 * MS, *delay)
    guard.plan(make_plan(), 'go left', 2 * NS, 130 * MS)
    assert guard.tick(130 * MS).reason is Reason.DRIVING
    assert guard.age.seconds == age_s and guard.cap == guard.stopping.cap(age_s)


def test_the_shortest_time_to_live_is_a_nanosecond():
    guard = driving()
    guard.instruction_ttl_ns = 1
    guard.instruct('go left', 110 * MS)
    assert guard.tick(110 * MS + 1).reason is Reason.DRIVING
    assert guard.tick(110 * MS + 2) == (STOP, Reason.EXPIRED)


def test_reasons_from_start_to_driving():
    guard = Guard(Limits(), TIMEOUT)
    seen = [guard.tick(0).reason]
    guard.arming.arm()
    seen.append(guard.tick(0).reason)
    guard.instruct('go', 0)
    seen.append(guard.tick(0).reason)
    for now in range(3):
        guard.frame(now + 1, now)
        seen.append(guard.tick(now).reason)
        guard.plan(make_plan(), 'go', now + 1, now)
    seen.append(guard.tick(3).reason)
    assert seen == [Reason.DISARMED, Reason.NO_INSTRUCTION, Reason.NO_FRAMES, Reason.STARTING,
                    Reason.RECOVERING, Reason.RECOVERING, Reason.DRIVING]


def test_driving_accelerates_within_limits():
    guard = driving()
    first = guard.tick(150 * MS).command
    assert first == pytest.approx((0.05, 0.05, 0.1))
    assert guard.tick(200 * MS).command.linear_x == pytest.approx(0.1)
    guard.adopt(Guard(Limits(velocity=(0.02, 0.5, 1.0)), TIMEOUT))
    assert guard.tick(210 * MS).command.linear_x == pytest.approx(0.02)


def test_a_chunk_is_read_at_the_stamp_plus_the_age():
    guard = driving()
    plan = Plan(np.array([[0.0, 0, 0], [0, 0, 0], [0, 0.01, 0]], np.float32), NS + 150 * MS,
                50 * MS)
    guard.frame(NS + 150 * MS, 160 * MS)
    assert guard.plan(plan, 'go left', NS + 150 * MS, 160 * MS)
    assert guard.tick(259 * MS).command == STOP
    assert guard.tick(260 * MS).command.linear_y > 0.0


def test_a_stall_stops_and_three_frames_resume():
    guard = driving()
    assert guard.deadline_ns() is None  # at rest, so far
    guard.tick(150 * MS)
    assert guard.deadline_ns() == 350 * MS + 1
    assert guard.tick(350 * MS).reason is Reason.DRIVING
    assert guard.tick(350 * MS + 1) == (STOP, Reason.NO_FRAMES)
    seen = []
    for now in (600 * MS, 650 * MS, 700 * MS):
        guard.frame(now + NS, now)
        guard.plan(make_plan(), 'go left', now + NS, now)
        seen.append(guard.tick(now).reason)
    assert seen == [Reason.RECOVERING, Reason.RECOVERING, Reason.DRIVING]


def test_frames_without_plans_mean_slow_inference():
    guard = driving()
    for now in range(150 * MS, 500 * MS, 50 * MS):
        guard.frame(now + NS, now)
    assert guard.tick(450 * MS) == (STOP, Reason.SLOW)


def test_frames_that_cannot_be_read_are_named():
    guard = driving()
    guard.unreadable()
    assert guard.tick(150 * MS).reason is Reason.DRIVING
    guard.frame(NS + 400 * MS, 400 * MS)
    assert guard.tick(400 * MS) == (STOP, Reason.UNREADABLE)
    guard.plan(make_plan(), 'go left', NS + 400 * MS, 400 * MS)
    assert guard.tick(400 * MS) == (STOP, Reason.RECOVERING)


def test_stamps_that_go_backwards_are_refused_until_reset():
    guard = driving()
    for now in range(150 * MS, 500 * MS, 50 * MS):
        assert not guard.frame(now, now)  # stamps 1 s older than before
    assert guard.tick(450 * MS) == (STOP, Reason.BACKWARDS)
    assert guard.tick(800 * MS) == (STOP, Reason.NO_FRAMES)
    guard.reset()
    assert guard.frame(850 * MS, 850 * MS)
    assert guard.tick(850 * MS).reason is Reason.DISARMED


def test_the_first_stamp_begins_an_order_and_none_after_it_goes_backwards():
    guard = Guard(Limits(), TIMEOUT)
    assert guard.frame(NS, 0, stamped=False)
    assert guard.frame(NS + 1, 1, stamped=False)
    assert not guard.frame(NS + 1, 2, stamped=False), 'received at once: the same one'
    assert guard.frame(0, 3), 'its own clock begins here'
    assert not guard.frame(0, 4) and guard.frame(1, 5)
    assert not guard.frame(2 * NS, 6, stamped=False)
    assert guard.frame(2, 7)
    guard.reset()
    assert guard.frame(2 * NS, 8, stamped=False)
    guard.reset()
    assert not guard.arming.armed and guard.frame(1, 9)


def test_one_old_frame_is_dropped_without_a_stop():
    guard = driving()
    assert not guard.frame(NS, 110 * MS)
    assert not guard.frame(NS + 100 * MS, 115 * MS)  # the same stamp again
    assert guard.tick(120 * MS).reason is Reason.DRIVING


@pytest.mark.parametrize('value', [math.nan, math.inf, 1e9])
def test_a_broken_plan_is_dropped_and_stops(value):
    guard = driving()
    plan = make_plan(rows=4)
    plan.commands[2, 1] = value
    assert not guard.plan(plan, 'go left', 0, 110 * MS)
    assert guard.tick(120 * MS) == (STOP, Reason.FAILING)
    assert guard.error == (f'the policy gave [0.5, {float(value)}, 0.5], wanted finite values '
                           'within +-100')
    for now in (150 * MS, 200 * MS, 250 * MS):
        guard.frame(now + NS, now)
        assert guard.plan(make_plan(), 'go left', now + NS, now)
    assert guard.tick(250 * MS).reason is Reason.DRIVING


def test_failures_in_a_row_become_a_fault_that_only_a_reset_clears():
    guard = driving(max_failures=3)
    for count in range(3):
        assert guard.tick(120 * MS).reason is (Reason.FAILING if count else Reason.DRIVING)
        guard.failed('boom')
    assert guard.tick(120 * MS).reason is Reason.FAULT and guard.error == 'boom'
    assert not guard.plan(make_plan(), 'go left', NS, 130 * MS)
    assert guard.tick(130 * MS).reason is Reason.FAULT
    guard.reset()
    assert guard.tick(130 * MS).reason is Reason.DISARMED


def test_a_new_instruction_flushes_the_plan():
    guard = driving()
    assert not guard.instruct('go left', 110 * MS)
    assert guard.tick(110 * MS).reason is Reason.DRIVING
    assert guard.instruct('go right', 120 * MS)
    assert guard.tick(120 * MS) == (STOP, Reason.REPLANNING)
    assert not guard.plan(make_plan(), 'go left', NS, 100 * MS)  # was under way
    assert guard.tick(125 * MS) == (STOP, Reason.REPLANNING)
    assert guard.plan(make_plan(), 'go right', NS, 100 * MS)
    assert guard.tick(130 * MS).reason is Reason.DRIVING
    guard.instruct('', 140 * MS)
    assert guard.tick(140 * MS) == (STOP, Reason.NO_INSTRUCTION)


def test_an_instruction_expires_unless_repeated():
    guard = driving(instruction_ttl_ns=130 * MS)
    assert guard.tick(130 * MS).reason is Reason.DRIVING
    assert guard.tick(130 * MS + 1) == (STOP, Reason.EXPIRED)
    guard.instruct('go left', 140 * MS)
    assert guard.tick(150 * MS).reason is Reason.DRIVING


@pytest.mark.parametrize('block', [Reason.CONTENDED, Reason.FROZEN])
def test_others_may_block(block):
    guard = driving()
    guard.blocks.add(block)
    assert guard.tick(110 * MS) == (STOP, block)
    guard.blocks.discard(block)
    assert guard.tick(120 * MS).reason is Reason.DRIVING


def test_a_stop_is_immediate_and_latched():
    guard = driving()
    guard.tick(150 * MS)
    guard.arming.stop()
    assert guard.tick(151 * MS) == (STOP, Reason.STOPPED)
    guard.reset()
    assert guard.tick(152 * MS) == (STOP, Reason.DISARMED)


events = st.one_of(
    st.tuples(st.just('frame'), st.integers(-100, 100)), st.tuples(st.just('plan'), commands),
    st.tuples(st.just('instruct'), st.sampled_from(['', 'a', 'b'])),
    st.tuples(st.just('arming'), st.sampled_from(['arm', 'disarm', 'stop', 'reset'])),
    st.tuples(st.just('failed'), st.just('boom')), st.tuples(st.just('tick'), st.just(None)))


@given(st.lists(st.tuples(st.integers(0, 120), events), max_size=80))
@settings(max_examples=200, deadline=None)
def test_whatever_happens_motion_needs_arming_and_freshness(history):
    guard = Guard(Limits(), TIMEOUT, max_failures=3)
    guard.instruct('a', 0)
    guard.arming.arm()
    now = received = 0
    for gap_ms, (kind, value) in history:
        now += gap_ms * MS
        if kind == 'frame' and guard.frame(now + value * MS, now):
            received = now
        elif kind == 'plan':
            plan = Plan(np.array([value], np.float64), received, MS)
            guard.plan(plan, 'a', received, received)
        elif kind == 'instruct':
            guard.instruct(value, now)
        elif kind == 'arming':
            getattr(guard.arming, value)()
        elif kind == 'failed':
            guard.failed(value)
        command, reason = guard.tick(now)
        assert all(abs(v) <= top for v, top in zip(command, guard.limiter.limits.velocity))
        if command != STOP:
            assert reason is Reason.DRIVING and guard.arming.armed and guard.instruction == 'a'
            assert now - received <= TIMEOUT


def test_every_reason_names_a_way_out():
    assert all(reason.text and reason.way_out for reason in Reason if reason is not Reason.DRIVING)


def feeds_until_alive(watchdog, start):
    for count in range(1, 10):
        watchdog.feed(start + count)
        if watchdog.alive(start + count):
            return count
    return None


def test_a_new_and_a_tripped_watchdog_want_three_feeds():
    watchdog = Watchdog(TIMEOUT)
    assert feeds_until_alive(watchdog, 0) == 3
    watchdog.trip()
    assert feeds_until_alive(watchdog, 100) == 3
    assert feeds_until_alive(Watchdog(TIMEOUT, needed=1), 0) == 1


def test_a_gap_of_just_the_timeout_keeps_the_streak_and_more_does_not():
    for gap, alive in ((TIMEOUT, True), (TIMEOUT + 1, False)):
        watchdog = Watchdog(TIMEOUT)
        for now in (0, 1, 1 + gap):
            watchdog.feed(now)
        assert watchdog.alive(1 + gap) is alive


def test_a_fault_takes_ten_failures_and_a_reset_forgives_them_all():
    guard = Guard(Limits(), TIMEOUT)
    for _ in range(2):
        for _ in range(9):
            guard.failed('boom')
        assert not guard.faulted
        guard.failed('boom')
        assert guard.faulted
        guard.reset()
        assert not guard.faulted


def why(guard, now):
    return guard.tick(now).reason


def test_the_reason_for_standing_is_told_to_the_nanosecond():
    guard = Guard(Limits(), TIMEOUT)
    guard.arming.arm()
    guard.instruct('go left', 0)
    assert why(guard, 0) is Reason.NO_FRAMES
    assert guard.frame(NS, 0)
    assert why(guard, TIMEOUT) is Reason.STARTING
    assert why(guard, TIMEOUT + 1) is Reason.NO_FRAMES
    assert not guard.frame(NS, TIMEOUT + 2)
    assert why(guard, 2 * TIMEOUT + 2) is Reason.BACKWARDS
    assert why(guard, 2 * TIMEOUT + 3) is Reason.NO_FRAMES
    now = 3 * TIMEOUT
    assert guard.frame(2 * NS, now)
    guard.unreadable()
    assert why(guard, now) is Reason.UNREADABLE
    assert guard.plan(make_plan(), 'go left', 2 * NS, now)
    assert why(guard, now) is Reason.RECOVERING
    assert why(guard, now + TIMEOUT) is Reason.RECOVERING
    assert guard.frame(3 * NS, now + TIMEOUT)
    assert why(guard, now + TIMEOUT + 1) is Reason.SLOW
    guard.failed('boom')
    assert why(guard, now + TIMEOUT + 1) is Reason.FAILING


@pytest.mark.parametrize('shape, period_ns, message', [
    ((3,), 1, 'shape'), ((0, 3), 1, 'shape'), ((2, 2), 1, 'shape'), ((1, 3), 0, '> 0 ns'),
    ((1, 3), -5, '> 0 ns')])
def test_a_plan_that_is_none_is_refused(shape, period_ns, message):
    with pytest.raises(ContractError, match=message):
        Plan(np.zeros(shape), 0, period_ns)
