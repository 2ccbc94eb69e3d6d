"""What counts as fresh and steady, to the nanosecond."""

from hypothesis import given, strategies as st

from mobile_vla_ros.control.watchdog import Watchdog

MS = 1_000_000
TIMEOUT = 250 * MS


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


def test_the_same_frame_again_is_not_fresh():
    watchdog = Watchdog(TIMEOUT)
    for _ in range(3):
        watchdog.feed(7)
    assert not watchdog.alive(7)


def test_what_came_is_too_old_from_its_deadline_on():
    watchdog = Watchdog(TIMEOUT)
    assert watchdog.deadline_ns == 0
    watchdog.feed(7)
    assert not watchdog.expired(watchdog.deadline_ns - 1)
    assert watchdog.expired(watchdog.deadline_ns)


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
