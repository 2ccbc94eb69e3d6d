"""Limits and limiter: tables and properties."""

import math
import os

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from mobile_vla_ros.contract import Command, STOP
from mobile_vla_ros.control.limits import ABSURD, acceptable, Limiter, Limits

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
