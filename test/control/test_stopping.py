"""How fast is slow enough: the formula, the age of frames, and the cap in the guard."""

import math

from hypothesis import given, strategies as st
import numpy as np
import pytest

from mobile_vla_ros.contract import Command, NS, Plan, STOP
from mobile_vla_ros.control.guard import Guard, GuardConfig
from mobile_vla_ros.control.limits import Limits
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.control.stopping import Age, Stopping

MS = 1_000_000


def way(speed, delay_s, deceleration, step=1e-4):
    """Return the metres that a base runs which brakes after a delay, step by step."""
    run = speed * delay_s
    while speed > 0.0:
        run += speed * step
        speed -= deceleration * step
    return run


@given(st.floats(0.05, 3.0), st.floats(0.2, 3.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_the_base_stands_after_the_distance(distance, deceleration, reaction, delay_s):
    stopping = Stopping(distance, deceleration, reaction)
    speed = stopping.cap(delay_s)
    assert way(speed, delay_s + reaction, deceleration) == pytest.approx(distance, abs=0.002)


def test_without_a_distance_there_is_no_bound():
    assert Stopping(distance=0.0).cap(10.0) == math.inf
    assert Stopping().speed(math.inf, 1.0) == math.inf
    assert Stopping().speed(0.0, 1.0) == 0.0


def test_the_defaults_leave_the_default_limits_alone():
    assert Stopping().cap(0.25) >= max(Limits().velocity[:2])


@pytest.mark.parametrize('name', ['distance', 'deceleration', 'reaction'])
@pytest.mark.parametrize('value', [-0.1, math.nan, math.inf])
def test_bad_values_are_refused_and_named(name, value):
    with pytest.raises(ValueError, match=f'stopping.{name} must be a finite .* got {value!r}'):
        Stopping(**{name: value})


def test_a_base_that_cannot_brake_is_refused():
    with pytest.raises(ValueError, match=r'^stopping.deceleration must be > 0 m/s\^2, got 0$'):
        Stopping(deceleration=0.0)


def test_an_age_rises_at_once_and_falls_slowly():
    age = Age()
    assert age.note(0.1, 0.05) == 0.1
    assert age.note(0.4, 0.05) == 0.4
    assert age.note(0.0, 1.0) == pytest.approx(0.4 / math.e)
    assert age.note(0.0, -1.0) == pytest.approx(0.4 / math.e)
    assert age.note(-5.0, 1e9) == 0.0
    assert age.note(0.01, 1.0) == 0.01


def drive(stopping, delay_ns, seconds=2.0, wanted=(1.5, 0.5, 0.5)):
    """Drive on frames that come 20 ms before each tick, stamped `delay_ns` before they came."""
    limits = Limits((2.0, 2.0, 2.0), (5.0, 5.0, 5.0), (5.0, 5.0, 5.0))
    guard = Guard(GuardConfig(limits, stopping=stopping))
    guard.arming.arm()
    guard.accept_instruction('go', 0)
    for now in range(0, int(seconds * NS), 50 * MS):
        guard.accept_frame(now + 1, now, delay_ns)
        guard.accept_plan(Plan(np.array([wanted]), 0, NS), 'go', now + 1, now)
        decision = guard.tick(now + 20 * MS)
    return guard, decision


@pytest.mark.parametrize('delay_ms', [0, 50, 200, 1000])
def test_what_the_camera_takes_slows_the_base_until_it_stops_in_time(delay_ms):
    guard, (command, reason) = drive(Stopping(0.5, 1.0, 0.2), delay_ms * MS)
    assert guard.age.seconds == pytest.approx(0.020 + delay_ms / 1000)
    assert guard.cap == pytest.approx(command.speed) and reason is Reason.DRIVING
    assert way(command.speed, guard.age.seconds + 0.2, 1.0) == pytest.approx(0.5, abs=0.002)
    assert np.array(command) == pytest.approx(command.linear_x * np.array([1.0, 1 / 3, 1 / 3]))
    assert guard.slowed == (f'slowed to {command.speed:.2f} m/s, frames are {20 + delay_ms} ms '
                            'old when used')


@pytest.mark.parametrize('delay_ns', [-1, -10 * NS, NS + 1, 10 * NS])
def test_clocks_that_differ_are_not_taken_for_a_delay(delay_ns):
    assert drive(Stopping(), delay_ns)[0].age.seconds == pytest.approx(0.020)


def test_where_it_could_not_stop_at_all_it_stops():
    guard, decision = drive(Stopping(0.01, 0.1, 1.0), 900 * MS)
    assert decision == (STOP, Reason.LATE)


def test_without_a_bound_frames_may_be_as_old_as_image_timeout():
    guard, (command, _) = drive(Stopping(0.0), 900 * MS)
    assert command == Command(1.5, 0.5, 0.5) and guard.slowed == ''
