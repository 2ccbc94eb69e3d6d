"""The rate of the output, whatever the camera does."""

from hypothesis import example, given, settings, strategies as st
import numpy as np
import pytest

from mobile_vla_ros.control.pace import GRACE, Pace

MS = 1_000_000
PERIOD = 50 * MS


def play(arrivals_ns, end_ns, period_ns=PERIOD, start_ns=0):
    """Return (output times, delay of each plan to the next output), as the output thread acts."""
    pace = Pace(period_ns, start_ns)
    sent, delays, waiting = [], [], []
    arrivals = list(arrivals_ns)
    while True:
        coming = arrivals[0] if arrivals else end_ns
        now = min(coming, max(pace.wake_ns, sent[-1] if sent else 0))
        if now >= end_ns:
            return np.array(sent), np.array(delays)
        if now == coming:
            waiting.append(arrivals.pop(0))
            if not pace.arrived(now):
                continue
        pace.sent(now)
        sent.append(now)
        delays += [now - at for at in waiting]
        waiting = []


@given(st.integers(0, PERIOD), st.integers(0, 2**32 - 1), st.floats(0.995, 1.005))
@settings(max_examples=40, deadline=None)
def test_plans_at_the_rate_go_out_at_once_at_their_own_rate(phase, seed, skew):
    jitter = np.random.default_rng(seed).normal(0, MS, 400).clip(-3 * MS, 3 * MS)
    arrivals = (phase + np.arange(400) * PERIOD * skew + jitter).astype(int).tolist()
    sent, delays = play(sorted(max(at, 0) for at in arrivals), arrivals[-1])
    assert np.quantile(delays[60:], 0.95) == 0
    assert np.diff(sent[60:]).mean() == pytest.approx(PERIOD * skew, rel=0.01)
    assert np.diff(sent)[60:].max() <= 60 * MS


@given(st.floats(1.0, 100.0), st.integers(0, PERIOD))
@example(77.0, 0)
@settings(max_examples=40, deadline=None)
def test_the_mean_rate_holds_whatever_the_camera_does(hz, phase):
    arrivals = (phase + np.arange(int(20 * hz)) * 1e9 / hz).astype(int).tolist()
    sent, _ = play(arrivals, 20_000 * MS)
    assert len(sent) == pytest.approx(400, rel=0.03)
    assert np.diff(sent).max() <= PERIOD * (1 + 2 * GRACE)


@pytest.mark.parametrize('hz', [12, 15, 28, 30, 33, 45])
def test_a_camera_at_another_rate_does_not_make_the_output_uneven(hz):
    sent, _ = play((np.arange(20 * hz) * 1e9 / hz).astype(int).tolist(), 20_000 * MS)
    assert np.diff(sent).std() <= 0.05 * PERIOD


def test_without_plans_the_period_is_exact():
    sent, _ = play([], 1_000 * MS)
    assert (np.diff(sent) == PERIOD).all() and sent[0] == 0


def test_a_late_output_makes_no_burst_and_one_out_of_turn_changes_nothing():
    pace = Pace(PERIOD, 0)
    pace.sent(0)
    pace.sent(20 * MS)
    assert pace.wake_ns == PERIOD
    pace.sent(1_000 * MS)
    assert pace.wake_ns == 1_050 * MS
