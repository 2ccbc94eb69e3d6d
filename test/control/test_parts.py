"""The parts of the nodes that need no ROS: pace, newest-only work, health, instructions."""

import threading
import time
import tracemalloc
from types import SimpleNamespace
import unicodedata

from hypothesis import example, given, settings, strategies as st
import numpy as np
import pytest

from mobile_vla_ros.control.guard import Guard, Limits, Reason
from mobile_vla_ros.control.health import ERROR, Health, OK, WARN
from mobile_vla_ros.control.latest_worker import NewestWorker
from mobile_vla_ros.control.pace import GRACE, Pace
from mobile_vla_ros.images.decode import check, MessageError
from mobile_vla_ros.instruction import MAX_LENGTH, normalise
from mobile_vla_ros.nodes.drive_settings import turned_off

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


def test_the_worker_takes_the_newest_and_drops_the_rest():
    started, go, seen = threading.Event(), threading.Event(), []

    def work(worker, item):
        seen.append(item)
        started.set()
        go.wait(60.0)
    worker = NewestWorker(work)
    worker.offer(0)
    assert started.wait(60.0)
    worker.again(0)
    replaced = [worker.offer(item) for item in range(1, 5)]
    worker.again(99)  # the slot is taken
    go.set()
    end = time.monotonic() + 60.0
    while len(seen) < 2 and time.monotonic() < end:
        time.sleep(0.001)
    assert seen == [0, 4]
    assert replaced == [False, True, True, True], 'the first was worked on already'
    assert worker.stop(60.0)


def test_the_worker_is_left_when_its_work_hangs():
    started, go = threading.Event(), threading.Event()
    worker = NewestWorker(lambda worker, item: started.set() or go.wait(60.0))
    worker.again(1)
    assert started.wait(60.0)
    assert not worker.stop(0.05) and worker.stopped  # it would be true after the work's end
    go.set()


def test_the_worker_goes_on_after_work_that_raised():
    seen, erred = [], []

    def work(worker, item):
        seen.append(item)
        if item < 2:
            raise RuntimeError(f'no {item}')
    worker = NewestWorker(work, lambda worker, error: erred.append(str(error)))
    for item in range(3):
        worker.offer(item)
        end = time.monotonic() + 60.0
        while len(seen) <= item and time.monotonic() < end:
            time.sleep(0.001)
    assert seen == [0, 1, 2] and erred == ['no 0', 'no 1']
    assert worker.stop(60.0)


@pytest.mark.parametrize('text, want', [
    ('', ''), (' \t\n\x00\x1b', ''), ('go  left\n', 'go left'), ('a\x1b[31mb', 'a[31mb'),
    ('e\u0301', '\u00e9'), ('왼쪽으로', '왼쪽으로'),
    (unicodedata.normalize('NFD', '왼쪽'), '왼쪽'),
    ('a\u202eb', 'ab'), ('x' * 600, 'x' * MAX_LENGTH)])
def test_instructions_are_normalised(text, want):
    assert normalise(text) == want


@given(st.text())
def test_a_normalised_instruction_is_one_printable_line(text):
    once = normalise(text)
    assert len(once) <= MAX_LENGTH and once == ' '.join(once.split())
    assert not any(unicodedata.category(char)[0] == 'C' for char in once)


@pytest.mark.parametrize('char', ['a', '\u0301', '\x00', ' ', '\ud800'])
def test_a_megabyte_of_text_is_cheap(char):
    text = char * 1_000_000
    tracemalloc.start()
    normalise(text)  # whatever looks at all of it needs room for it
    assert tracemalloc.get_traced_memory()[1] < 200_000
    tracemalloc.stop()


def statuses(health, now_ns=10**10, active=True, reason=Reason.DRIVING, error='',
             guard=None):
    found = health.statuses('drive', '/image', 'sensor_msgs/msg/Image', now_ns, active, reason,
                            error, {}, guard or Guard(Limits(), 250 * MS))
    return [(level, words) for _, level, words, _ in found]


def fed(**kwargs):
    health = Health()
    for now in range(9 * 10**9, 10**10, PERIOD):
        health.frame(now, 0, True)
    return health


def test_health_when_all_is_well():
    control, camera, policy = statuses(fed())
    assert control == (OK, 'driving') and policy == (OK, 'no failure')
    assert camera == (OK, '20.0 Hz, 50 ms old')


@pytest.mark.parametrize('reason, level', [
    (Reason.DISARMED, WARN), (Reason.NO_FRAMES, ERROR), (Reason.STOPPED, ERROR)])
def test_a_stop_is_told_with_its_way_out(reason, level):
    control = statuses(fed(), reason=reason)[0]
    assert control == (level, f'STOP: {reason.text}; {reason.way_out}')


def test_rivals_and_mismatches_are_errors():
    health = fed()
    health.graph([], ['teleop'], 0)
    health.mismatches['cmd_vel'] = 'DURABILITY'
    level, words = statuses(health)[0]
    assert level == ERROR and 'another publisher on cmd_vel: teleop' in words
    assert 'QoS DURABILITY of a peer on cmd_vel does not match' in words


@pytest.mark.parametrize('publishers, seen_ns, level, words', [
    ([], 0, ERROR, 'nobody publishes /image: start the camera'),
    ([('cam', 'sensor_msgs/msg/Image')], 10**10, WARN, 'cam publishes /image; waiting'),
    ([('cam', 'sensor_msgs/msg/Image')], 10**9, ERROR, 'no frame arrives: large frames need'),
    ([('cam', 'sensor_msgs/msg/CompressedImage')], 10**9, ERROR,
     'cam publishes /image as sensor_msgs/msg/CompressedImage, wanted sensor_msgs/msg/Image')])
def test_a_silent_camera_is_explained(publishers, seen_ns, level, words):
    health = Health()
    health.graph(publishers, [], seen_ns)
    told = statuses(health)[1]
    assert told[0] == level and words in told[1]


def test_a_silent_camera_with_another_qos_is_explained():
    health = Health()
    health.graph([('cam', 'sensor_msgs/msg/Image')], [], 1)
    health.mismatches['/image'] = 'RELIABILITY'
    assert 'QoS RELIABILITY does not match' in statuses(health)[1][1]


@pytest.mark.parametrize('offset_ns, words, value', [
    (None, 'frames are not stamped (header.stamp is 0): the time of their receipt', 'not stamped'),
    (-1_789_999_900 * 10**9, 'stamps are 20717 days behind this clock, by the time of receipt '
     'frames are driven by: they count from a start or simulated', 'of another epoch'),
    (1_790_000_000 * 10**9, 'stamps are 20717 days ahead of this clock, by the time of receipt '
     'frames are driven by: use_sim_time is set without a /clock', 'of another epoch'),
    (86_400 * 10**9, "stamps are +86400.0 s off this clock: set the camera's clock", '86400.000')])
def test_what_is_odd_about_stamps_is_told_with_its_remedy(offset_ns, words, value):
    health = fed()
    health.frame(10**10, offset_ns, True)
    found = health.statuses('drive', '/image', '', 10**10, True, Reason.DRIVING, '', {},
                            Guard(Limits(), 250 * MS))[1]
    assert found[1] == WARN and found[2].startswith(words)
    assert found[3]['stamp minus clock, s'] == value


def test_frozen_clock_and_rejections_are_warned_of():
    health = fed()
    picture = np.zeros((48, 64, 3), np.uint8)
    assert not health.picture(picture, 0)
    assert health.picture(picture, 8 * 10**8)
    assert statuses(health)[1] == (WARN, 'the camera repeats one image')
    assert not health.picture(picture + 1, 9 * 10**8)
    health.frame(10**10, 10**10, True)
    assert statuses(health)[1][1].startswith('stamps are +10.0 s off this clock')
    health.frame(10**10, 0, False)
    assert 'stamp is not newer' in statuses(health)[1][1]
    assert statuses(health)[1][0] == OK  # told once; the count stays
    assert health.rejected == {'stamp': 1}
    assert statuses(health, active=False)[1] == (OK, 'not looked at while inactive')


def test_pictures_that_cannot_be_read_are_counted_and_named():
    health = fed()
    health.frame(10**10, 0, True)
    for encoding in ('8UC3', '8UC3', 'yuv420'):
        msg = SimpleNamespace(encoding=encoding, height=48, width=64, step=192, is_bigendian=0,
                              data=bytes(9216))
        try:
            check(msg)
            health.tally.count(msg)
        except MessageError as error:
            health.unreadable(msg, error, str(error))
    camera = health.statuses('drive', '/image', '', 10**10, True, Reason.DRIVING, '', {},
                             Guard(Limits(), 250 * MS))[1]
    words = "1 of 3 frames cannot be read: encoding 'yuv420'"
    assert camera[1] == WARN and camera[2].startswith(f'{words}; image encoding')
    assert camera[3]['pictures'] == f'{words}; 8UC3, taken as bgr8'
    assert camera[3]['rejected: encoding'] == 1


@pytest.mark.parametrize('least, greatest, velocity, said', [
    ((-0.1, -0.4, -0.3), (0.4, 0.4, 0.3), (0.5, 0.0, 1.0), 'linear_y'),
    ((-0.1, -0.4, -0.3), (0.4, 0.4, 0.3), (0.5, 0.5, 1.0), ''),
    ((0.0, 0.0, -0.9), (0.4, 0.0, 0.9), (0.5, 0.0, 1.0), ''),
    ((0.0, 0.0, -0.9), (0.4, 0.0, 0.9), (0.0, 0.0, 0.0), 'linear_x, angular_z')])
def test_a_policy_that_needs_an_axis_that_is_off_is_told(least, greatest, velocity, said):
    data = {'least_command': least, 'greatest_command': greatest}
    assert turned_off(data, velocity) == said and turned_off({}, velocity) == ''
