"""The guard between a policy and the wheels: tables and properties."""

from dataclasses import replace
import math

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from mobile_vla_ros.contract import Command, NS, Plan, STOP
from mobile_vla_ros.control.arming import Arming
from mobile_vla_ros.control.guard import Guard, GuardConfig
from mobile_vla_ros.control.limits import Limits
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.control.watchdog import Watchdog

from support.guards import driving, make_plan, MS, TIMEOUT

anything = st.floats(allow_nan=True, allow_infinity=True)
commands = st.builds(Command, anything, anything, anything)


def test_a_new_guard_is_stopped():
    assert Guard().tick(0) == (STOP, Reason.DISARMED)
    arming = Arming()
    arming.stop()
    assert Guard(arming=arming).tick(0).reason is Reason.STOPPED


def test_a_new_guard_knows_nothing_that_slows_or_fails():
    guard = Guard()
    assert (guard.cap, guard.slowed, guard.instruction, guard.error, guard.failures) == (
        math.inf, '', '', '', 0)
    assert not guard.faulted and not guard.blocks and Watchdog(TIMEOUT).streak == 0
    assert guard.watchdog.timeout_ns == TIMEOUT and guard.watchdog.needed == 3


def test_the_shortest_time_to_live_is_a_nanosecond():
    guard = driving()
    guard.configure(replace(guard.config, instruction_ttl_ns=1))
    guard.accept_instruction('go left', 110 * MS)
    assert guard.tick(110 * MS + 1).reason is Reason.DRIVING
    assert guard.tick(110 * MS + 2) == (STOP, Reason.EXPIRED)


def test_driving_accelerates_within_limits():
    guard = driving()
    first = guard.tick(150 * MS).command
    assert first == pytest.approx((0.05, 0.05, 0.1))
    assert guard.tick(200 * MS).command.linear_x == pytest.approx(0.1)
    guard.configure(GuardConfig(Limits(velocity=(0.02, 0.5, 1.0))))
    assert guard.tick(210 * MS).command.linear_x == pytest.approx(0.02)


def test_exactly_as_fast_as_it_can_stop_is_not_slowed():
    cap = GuardConfig().stopping.cap(0.0)
    guard = driving(limits=Limits((cap, 0.0, 0.0), (50.0,) * 3, (50.0,) * 3))
    guard.accept_plan(make_plan(10.0), 'go left', 100 * MS + NS, 150 * MS)
    decision = guard.tick(150 * MS)
    assert (decision, guard.cap, guard.slowed) == ((Command(cap), Reason.DRIVING), cap, '')


def test_a_chunk_is_read_at_the_stamp_plus_the_age():
    guard = driving()
    plan = Plan(np.array([[0.0, 0, 0], [0, 0, 0], [0, 0.01, 0]], np.float32), NS + 150 * MS,
                50 * MS)
    guard.accept_frame(NS + 150 * MS, 160 * MS)
    assert guard.accept_plan(plan, 'go left', NS + 150 * MS, 160 * MS)
    assert guard.tick(259 * MS).command == STOP
    assert guard.tick(260 * MS).command.linear_y > 0.0


@pytest.mark.parametrize('value', [math.nan, math.inf, 1e9])
def test_a_broken_plan_is_dropped_and_stops(value):
    guard = driving()
    plan = make_plan(rows=4)
    plan.commands[2, 1] = value
    assert not guard.accept_plan(plan, 'go left', 0, 110 * MS)
    assert guard.tick(120 * MS) == (STOP, Reason.FAILING)
    assert guard.error == (f'the policy gave [0.5, {float(value)}, 0.5], wanted finite values '
                           'within +-100')
    for now in (150 * MS, 200 * MS, 250 * MS):
        guard.accept_frame(now + NS, now)
        assert guard.accept_plan(make_plan(), 'go left', now + NS, now)
    assert guard.tick(250 * MS).reason is Reason.DRIVING


def test_failures_in_a_row_become_a_fault_that_only_a_reset_clears():
    guard = driving(max_failures=3)
    for count in range(3):
        assert guard.tick(120 * MS).reason is (Reason.FAILING if count else Reason.DRIVING)
        guard.note_failure('boom')
    assert guard.tick(120 * MS).reason is Reason.FAULT and guard.error == 'boom'
    assert not guard.accept_plan(make_plan(), 'go left', NS, 130 * MS)
    assert guard.tick(130 * MS).reason is Reason.FAULT
    guard.reset()
    assert guard.tick(130 * MS).reason is Reason.DISARMED


def test_a_plan_is_wanted_for_an_instruction_and_not_in_a_fault():
    guard = Guard(GuardConfig(max_failures=1))
    assert not guard.wants_plan
    guard.accept_instruction('go', 0)
    assert guard.wants_plan
    guard.note_failure('boom')
    assert not guard.wants_plan


def test_a_new_instruction_flushes_the_plan():
    guard = driving()
    assert not guard.accept_instruction('go left', 110 * MS)
    assert guard.tick(110 * MS).reason is Reason.DRIVING
    assert guard.accept_instruction('go right', 120 * MS)
    assert guard.tick(120 * MS) == (STOP, Reason.REPLANNING)
    assert not guard.accept_plan(make_plan(), 'go left', NS, 100 * MS)  # was under way
    assert guard.tick(125 * MS) == (STOP, Reason.REPLANNING)
    assert guard.accept_plan(make_plan(), 'go right', NS, 100 * MS)
    assert guard.tick(130 * MS).reason is Reason.DRIVING
    guard.accept_instruction('', 140 * MS)
    assert guard.tick(140 * MS) == (STOP, Reason.NO_INSTRUCTION)


def test_an_instruction_expires_unless_repeated():
    guard = driving(instruction_ttl_ns=130 * MS)
    assert guard.tick(130 * MS).reason is Reason.DRIVING
    assert guard.tick(130 * MS + 1) == (STOP, Reason.EXPIRED)
    guard.accept_instruction('go left', 140 * MS)
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
    guard = Guard(GuardConfig(max_failures=3))
    guard.accept_instruction('a', 0)
    guard.arming.arm()
    now = received = 0
    for gap_ms, (kind, value) in history:
        now += gap_ms * MS
        if kind == 'frame' and guard.accept_frame(now + value * MS, now):
            received = now
        elif kind == 'plan':
            plan = Plan(np.array([value], np.float64), received, MS)
            guard.accept_plan(plan, 'a', received, received)
        elif kind == 'instruct':
            guard.accept_instruction(value, now)
        elif kind == 'arming':
            getattr(guard.arming, value)()
        elif kind == 'failed':
            guard.note_failure(value)
        command, reason = guard.tick(now)
        assert all(abs(v) <= top for v, top in zip(command, guard.limiter.limits.velocity))
        if command != STOP:
            assert reason is Reason.DRIVING and guard.arming.armed and guard.instruction == 'a'
            assert now - received <= TIMEOUT


def test_a_fault_takes_ten_failures_and_a_reset_forgives_them_all():
    guard = Guard()
    for _ in range(2):
        for _ in range(9):
            guard.note_failure('boom')
        assert not guard.faulted
        guard.note_failure('boom')
        assert guard.faulted
        guard.reset()
        assert not guard.faulted
