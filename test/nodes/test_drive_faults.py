"""Faults of the camera, the model and people, over real DDS; each number is a deadline."""

from array import array
import contextlib
from pathlib import Path
import re
import signal
import struct
import time
import zlib

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Twist, TwistStamped
from lifecycle_msgs.srv import GetState
import numpy as np
import pytest
import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from mobile_vla_ros import messages
from mobile_vla_ros.contract import STOP

from support.ros_harness import assert_within, graph, SOAK, stalled, wait_for

TRIALS = 2 if SOAK == 1 else SOAK
STALL_S = 0.320  # last frame -> first zero
RESUME_S = 0.300  # first frame -> moving
PERIOD_S = 0.050  # of the camera
TRANSPORT_S = 0.020  # a frame to the node and a plan back, two threads woken
TIMEOUT_S = 0.250  # image_timeout
WARN, ERROR = b'\x01', b'\x02'


def assert_stopped_for(g, zero_at, seconds=1.0):
    """Check that nothing but zeros came in the second after `zero_at`, at 20 Hz."""
    wait_for(lambda: time.monotonic() > zero_at + seconds, seconds + 1.0, 'a second')
    zeros = [item for item in list(g.received) if zero_at <= item[0] <= zero_at + seconds]
    assert all(command == STOP for _, command in zeros)
    assert seconds * 20 - 2 - 20 * stalled(zero_at) <= len(zeros) <= seconds * 20 + 3


def assert_stops(g, since):
    """Check that a zero comes in time after the last good frame; return when it came."""
    at = wait_for(lambda: g.zero(since), 2.0, 'a zero')[0]
    assert_within(at - since, STALL_S, since)
    return at


def assert_no_stop(g, since, until=float('inf'), age=PERIOD_S):
    """
    Check that each stop in a time is explained by as long a stall of the machine before it.

    :param age: of a frame when the next one replaces it, s.
    """
    received = list(g.received)
    for (_, before), (at, command) in zip(received, received[1:]):
        if since < at < until and command == STOP != before:
            lost = stalled(max(since, at - TIMEOUT_S - PERIOD_S)) - stalled(at + TRANSPORT_S)
            assert lost >= TIMEOUT_S - age - TRANSPORT_S, \
                f'stopped {at - since:.3f} s after it, and the machine lost {lost:.3f} s'


def assert_resumes(g, since, feed=lambda: True):
    """Check that the base moves in time after the first good frame; return when it did."""
    at = wait_for(lambda: feed() and g.moving(since), 2.0, 'moving again')[0]
    assert_within(at - since, RESUME_S, since)
    return at


def assert_error(g, words, seconds=2.0):
    """Check that the diagnostics tell of a STOP as an error."""
    wait_for(lambda: [text for _, name, level, text in g.history
                      if name == 'drive: control' and level == ERROR and words in text],
             seconds, f'an error with {words!r}')


def assert_told(g, status, words, since, level=ERROR, seconds=2.0, feed=lambda: True):
    """Check that something is told within a time of `since`, a steady time."""
    def found():
        return next((at for at, *told, text in list(g.history) if at > since
                     and told == [f'drive: {status}', level] and words in text), None)
    at = wait_for(lambda: feed() and found(), 5.0, f'{words!r}')
    assert_within(at - since, seconds, since)


@contextlib.contextmanager
def stranger(g):
    """Yield a node of another participant in the graph's domain, which the graph knows."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=g.domain)
    node = rclpy.create_node('stranger', context=context)
    try:
        wait_for(lambda: 'stranger' in g.node.get_node_names(), 5.0, 'a stranger')
        yield node
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)


def test_1_a_stalled_camera_stops_and_three_frames_resume():
    with graph() as g:
        g.drives()
        for _ in range(TRIALS):
            last = g.still()
            assert_stops(g, last)
            wait_for(lambda: time.monotonic() > last + 0.5, 3.0, 'the stall to end')
            back = time.monotonic()
            g.stream()
            moving = assert_resumes(g, back)
            assert sum(back <= at < moving for at in g.sent) >= 3
        last = g.still()
        assert_stopped_for(g, wait_for(lambda: g.zero(last), 2.0, 'a zero')[0])
        assert_error(g, 'no camera frame for image_timeout; check the camera')


CAMERA = '''
import sys, time
from support.ros_harness import Graph
g = Graph(int(sys.argv[1]))
while True:
    g.frame()
    print(g.sent[-1], flush=True)
    time.sleep(0.05)
'''


def test_2_a_killed_camera_process_stops():
    with graph() as g:
        g.drive(armed=True, instruction='go')
        for _ in range(TRIALS):
            camera = g.start('-c', CAMERA, g.domain)
            since = time.monotonic()
            wait_for(lambda: g.moving(since), 20.0, 'a moving base')
            wait_for(lambda: g.last() == (128 / 255, 0.0, -0.1) or g.last()[0] > 0.4, 5.0, 'speed')
            camera.kill()
            camera._reader.join()
            assert_stops(g, float(camera.lines[-1]))  # of its last frame, or of the one before
            wait_for(lambda: g.last() == STOP, 3.0, 'the base at rest')


@pytest.mark.parametrize('stops', [False, True])
def test_3_a_frozen_image_is_told_and_may_stop(stops, trial):
    with graph() as g:
        g.drives(**{'stop_on_frozen_image': True} if stops else {})
        frozen = g.still()

        def repeat():
            g.images.publish(fresh_frame(g))
            time.sleep(PERIOD_S)
            return True
        assert_told(g, 'camera', 'the camera repeats one image', frozen, WARN, 1.0, repeat)
        if stops:
            zero = wait_for(lambda: repeat() and g.zero(frozen), 2.0, 'a stop')
            assert_within(zero[0] - frozen, 1.0, frozen)
        else:
            wait_for(lambda: repeat() and time.monotonic() > frozen + 1.5, 3.0, 'some commands')
            assert_no_stop(g, frozen)


def fresh_frame(g):
    """Return the harness's picture with a fresh stamp."""
    return messages.to_image(g.rgb, time.time_ns(), 'camera')


@pytest.mark.parametrize('kind', ['nan', 'inf', 'huge'])
def test_4_an_absurd_output_is_dropped_and_stops(kind, trial):
    with graph() as g:
        g.drives(kind, max_failures=1000)
        g.still()
        first = len(g.sent)
        g.stream(fault=True)
        at = wait_for(lambda: g.sent[first:], 2.0, 'a frame')[0]
        zero = wait_for(lambda: g.zero(at), 2.0, 'a zero')
        assert_within(zero[0] - at, PERIOD_S + TRANSPORT_S, at)
        assert_stopped_for(g, zero[0])
        assert np.isfinite([command for _, command in g.received]).all()
        assert np.abs([command for _, command in g.received]).max() <= 1.0
        assert_error(g, 'wanted finite values')
        good = time.monotonic()
        g.stream()
        wait_for(lambda: g.moving(good), 3.0, 'moving again')


CHANNELS = {'bgr8': [2, 1, 0], 'rgba8': [0, 1, 2, 2], 'bgra8': [2, 1, 0, 2], 'rgb8': [0, 1, 2]}


def test_8_an_encoding_that_changes_is_right_at_its_first_frame(trial):
    with graph() as g:
        wanted = {}  # stamp of a frame, ns: the linear_x that is planned for it
        g.node.create_subscription(TwistStamped, 'drive/plan', lambda msg: wanted.update(
            {messages.to_ns(msg.header.stamp): msg.twist.linear.x}), 50)
        g.drives(publish_plan=True, **{'limits.deceleration': '[100.0,100.0,100.0]'})
        wait_for(lambda: g.last()[0] > 0.4, 3.0, 'speed')
        g.still()
        stamps, at = [], time.monotonic()
        for i, order in enumerate([*CHANNELS] * 5):
            rgb = np.full((48, 64, 3), (0, 0, 255), np.uint8)  # red 0: stand still
            rgb[8, 8, 1] = i
            stamps.append(time.time_ns())
            msg, pixels = messages.to_image(rgb, stamps[-1], 'camera'), rgb[..., CHANNELS[order]]
            msg.encoding, msg.step = order, pixels[0].size
            msg.data = array('B', pixels.tobytes())
            g.images.publish(msg)
            time.sleep(PERIOD_S)
        resting = wait_for(lambda: next((t for t, command in g.received
                                         if t > at and command[0] == 0.0), None), 3.0, 'rest')
        assert_within(resting - at, PERIOD_S + TRANSPORT_S, at)
        after = [command for t, command in g.received if t > resting]
        assert len(after) > 15 and all(command[0] == 0.0 for command in after)
        assert g.zero(at) is None  # at rest along x, not stopped
        told = [wanted[stamp] for stamp in stamps if stamp in wanted]
        assert len(told) > 15 and not any(told)


def test_9_what_is_no_image_is_counted_and_the_node_lives(trial):
    with graph() as g:
        process = g.drives()
        last = g.still()
        bad = [{'encoding': 'jpeg'}, {'step': 3}, {'height': 0}, {'data': b'abc'},
               {'width': 10**5, 'height': 10**5, 'step': 3 * 10**5}] * 4
        for changes in bad:
            msg = fresh_frame(g)
            for name, value in changes.items():
                setattr(msg, name, value)
            g.images.publish(msg)
            time.sleep(PERIOD_S)
        zero = assert_stops(g, last)
        assert_stopped_for(g, zero, 0.7)
        assert_error(g, 'frames cannot be read')
        assert_rejected(g, {'encoding': 4, 'step': 4, 'size': 8, 'length': 4}, last)
        assert re.match(r'\d+ of \d+ frames cannot be read: ', value_of(g, 'pictures'))
        back = time.monotonic()
        g.stream()
        assert_resumes(g, back)
        assert process.child.poll() is None


def value_of(g, key):
    """Return what the camera's diagnostic says under a key."""
    return next(value.value for value in g.diagnostics['drive: camera'].values
                if value.key == key)


def assert_rejected(g, wanted, since):
    """Check that every bad frame was counted by its kind, or as replaced if it had to wait."""
    def counted():
        values = {value.key: value.value for value in g.diagnostics['drive: camera'].values}
        counts = {key[len('rejected: '):]: int(value) for key, value in values.items()
                  if key.startswith('rejected: ')}
        missing = sum(wanted.values()) - sum(counts.values())
        return counts.keys() == wanted.keys() and all(
            count <= wanted[kind] for kind, count in counts.items()) and (
            missing <= int(values['replaced by newer ones']) or stalled(since))
    wait_for(counted, 2.0, f'the counts {wanted}')


def png(width, height):
    """Return a PNG whose header claims a size; it is whole, but there are no pixels in it."""
    chunks = (b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)), \
        (b'IDAT', zlib.compress(bytes(10**6))), (b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
        for kind, data in chunks)


def test_9_and_10_what_does_not_decode_is_counted_and_takes_no_memory(trial):
    with graph() as g:
        process = g.drive(armed=True, instruction='go', image_transport='compressed')

        def most():
            """Return the most memory that the process ever had, bytes."""
            lines = Path(f'/proc/{process.child.pid}/status').read_text().splitlines()
            return 1024 * next(int(line.split()[1]) for line in lines if 'VmHWM' in line)

        def shoot(spoil=lambda data: data):
            """Publish a picture; return its time."""
            g.rgb[:] = 100 + len(g.sent) % 50
            msg = messages.to_compressed(g.rgb, time.time_ns(), 'camera')
            msg.data = array('B', spoil(msg.data.tobytes()))
            g.sent.append(time.monotonic())
            g.jpegs.publish(msg)
            time.sleep(PERIOD_S)
            return g.sent[-1]
        wait_for(lambda: shoot() and g.moving(), 20.0, 'a moving base')
        last, before = shoot(), most()
        for spoil in [lambda data: data[:len(data) // 2], lambda _: b'', lambda _: b'no picture',
                      lambda _: png(60_000, 60_000)] * 5:
            shoot(spoil)
        zero = assert_stops(g, last)
        assert_stopped_for(g, zero, 0.6)
        assert_error(g, 'frames cannot be read')
        assert_rejected(g, {'truncated': 5, 'empty': 5, 'format': 5, 'size': 5}, last)
        assert most() - before < 50e6
        back = time.monotonic()
        assert_resumes(g, back, shoot)
        assert process.child.poll() is None


def test_11_frames_older_than_the_newest_are_never_driven_by(trial):
    with graph() as g:
        g.drives()
        g.stamp_offset_ns = -3600 * 10**9
        at = g.still()
        g.stream(red=200)
        zero = assert_stops(g, at)
        assert_stopped_for(g, zero)
        assert_error(g, 'image stamps go backwards')
        assert max(command[0] for _, command in g.received) <= 128 / 255
        g.call(Trigger, 'drive/reset')
        assert g.call(SetBool, 'drive/arm', data=True).success
        wait_for(lambda: g.moving(time.monotonic() - 0.05), 2.0, 'moving again')


def test_12_a_clock_that_jumps_changes_nothing(trial):
    with graph() as g:
        clock = g.node.create_publisher(Clock, '/clock', 10)
        g.drives(use_sim_time=True)
        for sec in (10**6, 10**6 + 3600, 10**6 - 3600, 0):
            at = time.monotonic()
            clock.publish(Clock(clock=Time(sec=sec)))
            wait_for(lambda: time.monotonic() > at + 0.4, 3.0, 'some commands')
            told = time.monotonic()
            wait_for(lambda: g.history[-1][0] > told, 3.0, 'diagnostics that go on')
            last = g.still()
            assert_no_stop(g, at, last)
            assert_stops(g, last)
            back = time.monotonic()
            g.stream()
            assert_resumes(g, back)


HOUR_NS = 3600 * 10**9


def test_12_stamps_that_jump_ahead_are_driven_by_and_back_are_not(trial):
    with graph() as g:
        g.drives()
        at = time.monotonic()
        g.stamp_offset_ns = HOUR_NS
        wait_for(lambda: 'stamps are +3600' in g.diagnostics['drive: camera'].message, 2.0, 'told')
        wait_for(lambda: time.monotonic() > at + 0.5, 2.0, 'some commands')
        assert_no_stop(g, at)
        for hours in (0, -1):  # an hour and two hours before the newest
            at = time.monotonic()
            g.stamp_offset_ns = hours * HOUR_NS
            zero = assert_stops(g, at)
            assert_stopped_for(g, zero)
            assert_error(g, 'image stamps go backwards')
            at = time.monotonic()
            g.stamp_offset_ns = HOUR_NS  # newer ones again
            moving = wait_for(lambda: g.moving(at), 2.0, 'moving again')
            assert_within(moving[0] - at, RESUME_S + PERIOD_S, at)
        at = time.monotonic()
        g.stamp_offset_ns = -HOUR_NS  # for good: an operator says that it is so
        wait_for(lambda: g.zero(at), 2.0, 'a zero')
        assert g.call(Trigger, 'drive/reset').success
        reset = time.monotonic()
        assert g.call(SetBool, 'drive/arm', data=True).success
        wait_for(lambda: g.moving(reset), 2.0, 'moving by the older stamps')


@pytest.mark.parametrize('seconds', [10, -10])
def test_13_a_camera_clock_that_is_off_is_told_and_nothing_else(seconds, trial):
    with graph() as g:
        g.stamp_offset_ns = seconds * 10**9
        g.drives()
        at, _ = g.received[0]  # since it looks at frames
        assert_told(g, 'camera', f'stamps are {seconds:+d}.0 s off this clock', at, WARN)
        wait_for(lambda: time.monotonic() > at + 2.0, 3.0, 'some commands')
        last = g.still()
        assert_stops(g, last)
        assert_no_stop(g, g.moving()[0], last)


@pytest.mark.parametrize('sim_time', [False, True])
def test_13_a_camera_that_does_not_stamp_is_told_and_drives_by_the_time_of_receipt(sim_time):
    with graph() as g:
        stamps = []  # (of a plan, of its receipt), ns
        g.node.create_subscription(TwistStamped, 'drive/plan', lambda msg: stamps.append(
            (messages.to_ns(msg.header.stamp), time.time_ns())), 50)
        g.stamped = False
        process = g.drives(publish_plan=True, use_sim_time=sim_time)
        at, _ = g.received[0]
        assert_told(g, 'camera', 'frames are not stamped (header.stamp is 0)', at, WARN)
        values = {value.key: value.value for value in g.diagnostics['drive: camera'].values}
        assert values['stamp minus clock, s'] == 'not stamped'
        wait_for(lambda: len(stamps) > 20, 3.0, 'plans')
        if not sim_time:
            assert all(-0.001 < (now - stamp) / 1e9 < 1.0 for stamp, now in stamps)
        assert 0.9 < np.diff([stamp for stamp, _ in stamps]).sum() / (
            stamps[-1][1] - stamps[0][1]) < 1.1
        last = g.still()
        assert_stops(g, last)
        back = time.monotonic()
        g.stream()
        assert_resumes(g, back)
        assert_no_stop(g, g.moving()[0], last)
        assert ''.join(process.lines).count('frames are not stamped') == 1
        at = time.monotonic()  # simulated time begins with a stamp of 0 and goes on so
        g.stamp_offset_ns, g.stamped = 10**9 - time.time_ns(), True
        wait_for(lambda: time.monotonic() > at + 0.5, 2.0, 'some commands')
        assert_no_stop(g, at)
        g.stamped, at = False, time.monotonic()
        assert_stops(g, at)
        assert_error(g, 'image stamps go backwards')
        assert g.call(Trigger, 'drive/reset').success
        reset = time.monotonic()
        assert g.call(SetBool, 'drive/arm', data=True).success
        wait_for(lambda: g.moving(reset), 2.0, 'moving')


def test_13_stamps_of_uptime_are_told_in_words_and_drive_by_the_time_of_receipt():
    with graph() as g:
        g.stamp_offset_ns = time.monotonic_ns() - time.time_ns()
        g.drives()
        at, _ = g.received[0]
        assert_told(g, 'camera', 'behind this clock, by the time of receipt', at, WARN)
        values = {value.key: value.value for value in g.diagnostics['drive: camera'].values}
        assert values['stamp minus clock, s'] == 'of another epoch'
        wait_for(lambda: g.last()[0] > 0.45, 3.0, 'full speed')
        last = g.still()
        assert_stops(g, last)
        assert_no_stop(g, g.moving()[0], last)


def test_14_slow_inference_works_on_the_newest_frame(trial):
    with graph() as g:
        ages = []  # (age s of a frame when it is answered, steady time s)
        g.node.create_subscription(TwistStamped, 'drive/plan', lambda msg: ages.append(
            (time.time() - messages.to_ns(msg.header.stamp) / 1e9, time.monotonic())), 50)
        g.drives('slow', publish_plan=True)
        wait_for(lambda: len(g.sent) > 60 and len(ages) > 30, 5.0, 'some frames')
        at = time.monotonic()
        g.stream(red=0)
        wait_for(lambda: [t for t, twist in g.received if t > at and twist[0] < 0.49], 3.0,
                 'the new command')
        wait_for(lambda: g.moving(at), 3.0, 'driving on')
        assert_no_stop(g, at, age=PERIOD_S + 2 * 0.080)  # waits, is planned for, then the next
        age, answered = max(ages[5:])  # the first ones wait for a policy that wakes up
        assert_within(age, PERIOD_S + 0.080 + TRANSPORT_S, answered - age)
        values = {v.key: v.value for v in g.diagnostics['drive: policy'].values}
        assert float(values['inference_ms_p50_p99'].split()[0]) >= 80.0
        assert int(values['failed plans']) == 0
        values = {v.key: v.value for v in g.diagnostics['drive: camera'].values}
        assert int(values['accepted']) > int(values['replaced by newer ones']) > 10


def test_15_hanging_inference_stops_by_itself(trial):
    with graph() as g:
        g.drives('hang')
        g.stream(fault=True)
        at = wait_for(lambda: g.sent[-1], 3.0, 'a frame')  # the first that hangs, or the next
        zero = assert_stops(g, at)
        assert_stopped_for(g, zero)
        assert_error(g, 'inference takes longer than image_timeout')
        g.stream()
        wait_for(lambda: g.moving(zero), 8.0, 'moving after the hang')


def test_16_a_model_that_raises_stops_retries_and_faults(trial):
    with graph() as g:
        process = g.drives('raise', max_failures=40)
        at = time.monotonic()
        g.stream(fault=True)
        zero = wait_for(lambda: g.zero(at), 2.0, 'a zero')
        assert_within(zero[0] - at, 0.15, at)
        assert_error(g, 'the policy fails (RuntimeError: no such)')
        g.stream()
        wait_for(lambda: g.moving(zero[0]), 2.0, 'moving again')
        g.stream(fault=True)
        assert_error(g, 'failed too often (RuntimeError: no such); read the error, then call', 5.0)
        g.stream()
        since = time.monotonic()
        answer = g.call(SetBool, 'drive/arm', data=True)
        assert not answer.success and '~/reset' in answer.message
        assert g.call(Trigger, 'drive/reset').success
        assert g.moving(since) is None
        assert g.call(SetBool, 'drive/arm', data=True).success
        wait_for(lambda: g.moving(since), 2.0, 'moving after the reset')
        assert process.child.poll() is None
        failed = {v.key: v.value for v in g.diagnostics['drive: policy'].values}['failed plans']
        assert int(failed) > 40, 'those before the reset stay counted'


FLOOD = '''
import signal, sys, threading, time
from support.ros_harness import Graph
g, over = Graph(int(sys.argv[1])), threading.Event()
signal.signal(signal.SIGTERM, lambda *_: over.set())
while not g.instructions.get_subscription_count():
    time.sleep(0.01)
due, said = time.monotonic(), 0
while not over.is_set():
    g.say(f'go {said}')
    said += 1
    if said % 100 == 0:
        print(time.monotonic(), said, flush=True)
    due = max(due + 0.001, time.monotonic() - 0.05)
    time.sleep(max(due - time.monotonic(), 0.0))
g.close()
'''


def uneven(sent):
    """Return how far each period is off 50 ms, s, less what the machine lost just then."""
    steady = time.monotonic() - time.time()
    return [off if (off := abs(b - a - 0.05)) <= 0.010 else
            max(off - stalled(a + steady) + stalled(b + steady + 0.02), 0.0)
            for a, b in zip(sent, sent[1:])]


COUNTED = '''
import sys, time
from support.faulty import FaultyPolicy
from mobile_vla_ros.nodes import drive


class Counted(FaultyPolicy):
    def plan(self, *args):
        print('asked', flush=True)
        time.sleep(0.010)  # about what the shipped one takes
        return super().plan(*args)


sys.exit(drive.main(sys.argv[1:], lambda *_: Counted('good')))
'''


def test_17_a_flood_of_instructions_does_not_disturb_the_rate(trial):
    with graph() as g:
        drive = g.start('-c', COUNTED, '--ros-args', '-p', 'armed:=true', '-p', 'instruction:=go')
        g.stream()
        wait_for(g.moving, 20.0, 'a moving base')
        sent = []  # s, by the node's own clock
        g.node.create_subscription(
            Twist, 'cmd_vel', lambda _, info: sent.append(1e-9 * info['source_timestamp']), 50)
        flood = g.start('-c', FLOOD, g.domain)  # this process is too busy to say so much
        wait_for(lambda: len(flood.lines) > 3, 20.0, 'a flood')
        at, first, begun = time.monotonic(), len(sent), len(flood.lines)
        asked = len(drive.lines)
        # One late command makes two odd periods of 200: 1 %.
        wait_for(lambda: len(sent) - first >= 202, 20.0, 'commands')
        asked = len(drive.lines) - asked
        (start, before), (end, said) = (map(float, flood.lines[i].split()) for i in (begun, -1))
        assert (said - before) / (end - start - stalled(at)) > 900
        assert 20 < asked < 0.2 * (said - before), 'it takes the newest only'
        assert_within(np.percentile(uneven(sent[first:]), 99), 0.010, time.monotonic())
        flood.send(signal.SIGTERM)  # killed, it may leave the shared memory locked for a second
        flood.wait(5.0)
        over = time.monotonic()
        wait_for(lambda: time.monotonic() > over + 0.3, 2.0, 'the last one')
        assert g.moving(over), 'it drives by the last one'
        asked = len(drive.lines)
        wait_for(lambda: time.monotonic() > over + 0.8, 2.0, 'half a second')
        assert len(drive.lines) - asked < 20, 'nothing is left over: 10 frames came'


TIMED = '''
import sys, time
from support.faulty import FaultyPolicy
from mobile_vla_ros.nodes import drive, spin


class Executor(spin.SingleThreadedExecutor):
    def wait_for_ready_callbacks(self, *args, **kwargs):
        ready = super().wait_for_ready_callbacks(*args, **kwargs)
        self.begun = time.thread_time()  # before the message is taken
        return ready


class Timed(drive.DriveNode):
    def _on_instruction(self, msg):
        super()._on_instruction(msg)
        took = time.thread_time() - self.executor.begun
        sys.stdout.write(f'took {took}\\n')  # in one piece: rclpy writes there too


spin.SingleThreadedExecutor, drive.DriveNode = Executor, Timed
sys.exit(drive.main(sys.argv[1:], lambda *_: FaultyPolicy('good')))
'''
ODD = (  # one that says left, one that does not, ...; three of them are a megabyte
    'go left \x1b[31m\n[FATAL] ' + 'é' * 500_000, '왼쪽 \u202e\x07\r\n[ERROR] [drive]: ',
    'left ' + '\u0301' * 500_000, '\x1b]0;' * 250_000, '\x85\u2028le\x9bft' + '🤖' * 9)
EMPTY = ('', ' \n\t\x00', '\u200b' * 333_333)


def test_18_odd_and_huge_instructions(trial):
    with graph() as g:
        plans = []  # (steady time s, whether the instruction says left)
        g.node.create_subscription(TwistStamped, 'drive/plan', lambda msg: plans.append(
            (time.monotonic(), msg.twist.angular.z > 0.0)), 50)
        process = g.start('-c', TIMED, '--ros-args', '-p', 'armed:=true', '-p', 'instruction:=go',
                          '-p', 'publish_plan:=true')
        g.stream()
        wait_for(g.moving, 20.0, 'a moving base')

        def took():
            return [float(line.split()[1]) for line in process.lines if line.startswith('took')]

        def say(text):
            at, before = time.monotonic(), len(took())
            for count in range(1, 4):  # the first megabyte pays for its memory
                g.say(text)
                wait_for(lambda: len(took()) == before + count, 3.0, f'{text[:20]!r} taken')
            assert_within(np.median(took()[before:]), 0.005, time.monotonic())  # of its thread
            return at
        for i, text in enumerate(ODD):
            left, at = i % 2 == 0, say(text)
            wait_for(lambda: [t for t, said in plans if t > at and said == left], 3.0,
                     f'a plan for {text[:20]!r}')
        for text in EMPTY:
            moving = time.monotonic()
            wait_for(lambda: g.moving(moving), 3.0, 'moving')
            at = say(text)
            zero = wait_for(lambda: g.zero(at), 3.0, 'a zero')
            assert_within(zero[0] - at, 0.1, at)
            assert_stopped_for(g, zero[0])
            say('go left')
        told = [text for status in g.diagnostics.values() for text in (
            status.message, *(pair.value for pair in status.values))]
        for line in [line.rstrip('\n') for line in process.lines] + told:
            assert line.isprintable() and '[FATAL]' not in line and '[ERROR] [dr' not in line


def test_19_an_instruction_expires():
    with graph() as g:
        g.drive(armed=True, instruction_ttl=0.5)
        g.stream()
        wait_for(lambda: g.last() == STOP, 20.0, 'zeros')
        for _ in range(TRIALS):
            said = time.monotonic()
            g.say('go left')
            wait_for(lambda: g.moving(said), 3.0, 'moving')
            moved = g.moving(said)[0]
            zero = wait_for(lambda: g.zero(moved), 2.0, 'a zero')
            assert zero[0] - said >= 0.5
            assert_within(zero[0] - said, 0.5 + 0.07, said)


@pytest.mark.parametrize('number, kind', [
    (signal.SIGINT, 'good'), (signal.SIGTERM, 'good'), (signal.SIGINT, 'hang')])
def test_21_a_signal_sends_zeros_and_ends_the_process(number, kind):
    for _ in range(1 if SOAK == 1 else 25):
        with graph() as g:
            process = g.drives(kind)
            g.stream(fault=True)
            wait_for(lambda: len(g.received) > 10, 2.0, 'some commands')
            at = process.send(number)
            assert process.wait(3.0) == 0
            assert_within(time.monotonic() - at, 1.0, at)
            wait_for(lambda: len([t for t, command in g.received if t > at]) >= 3, 3.0, 'zeros')
            after = [item for item in g.received if item[0] > at + 0.02]
            assert all(command == STOP for _, command in after) and len(after) >= 3
            assert_within(g.zero(at)[0] - at, 0.1, at)


@pytest.mark.parametrize('exclusive, words', [
    (False, '; another publisher on cmd_vel: tester'),
    (True, 'STOP: another node publishes on cmd_vel')])
def test_23_a_second_publisher_is_told_and_may_stop(exclusive, words, trial):
    with graph() as g:
        g.drives(**{'exclusive': True} if exclusive else {})
        at = time.monotonic()
        rival = g.node.create_publisher(Twist, 'cmd_vel', 10)
        assert_told(g, 'control', words, at, seconds=1.0)
        if exclusive:
            zero = wait_for(lambda: g.zero(at), 2.0, 'a zero')
            assert_within(zero[0] - at, 1.0, at)
        else:
            assert_no_stop(g, at)
        gone = time.monotonic()
        g.apart(g.node.destroy_publisher, rival)
        wait_for(lambda: g.moving(time.monotonic() - 0.05), 3.0, 'moving again')
        wait_for(lambda: [at for at, *told in list(g.history) if at > gone
                          and told == ['drive: control', b'\x00', 'driving']], 3.0, 'all well')


def test_24_a_camera_that_is_missing_silent_or_of_another_kind_is_told(trial):
    with graph() as g:
        for publisher in (g.images, g.jpegs):
            g.apart(g.node.destroy_publisher, publisher)
        g.drive(armed=True, instruction='go')
        wait_for(lambda: 'drive: camera' in g.diagnostics, 20.0, 'diagnostics')
        assert_told(g, 'camera', 'nobody publishes /image: start the camera', time.monotonic())
        with stranger(g) as node:
            for kind, words in [
                    (Image, 'stranger publishes /image but no frame arrives: large frames need'),
                    (CompressedImage, 'stranger publishes /image as sensor_msgs/msg/Compressed'
                     'Image, wanted sensor_msgs/msg/Image: set image_transport')]:
                at = time.monotonic()
                camera = node.create_publisher(kind, 'image', 10)
                assert_told(g, 'camera', words, at)
                at = time.monotonic()
                node.destroy_publisher(camera)
                assert_told(g, 'camera', 'nobody publishes /image', at)


def test_24_a_camera_that_falls_silent_is_told(trial):
    with graph() as g:
        g.drives()
        last = g.still()
        assert_told(g, 'camera', 'tester publishes /image but no frame arrives', last)


@pytest.mark.parametrize('topic, policy, open_it', [
    ('/instruction', 'RELIABILITY', lambda node: node.create_publisher(
        String, 'instruction', QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))),
    ('/cmd_vel', 'DURABILITY', lambda node: node.create_subscription(
        Twist, 'cmd_vel', print, QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)))
], ids=['instruction', 'cmd_vel'])
def test_24_a_peer_of_another_qos_is_told_until_it_leaves(topic, policy, open_it, trial):
    with graph() as g:
        g.drives()
        with stranger(g) as node:
            at = time.monotonic()
            open_it(node)
            assert_told(g, 'control', f'QoS {policy} of a peer on {topic} does not match, give '
                        'both the same', at)
            kept = time.monotonic()
            wait_for(lambda: g.history[-1][0] > kept + 1.5, 4.0, 'more diagnostics')
            assert 'QoS' in g.diagnostics['drive: control'].message, 'it is still there'
        wait_for(lambda: g.diagnostics['drive: control'].message == 'driving', 3.0, 'all well')


@pytest.mark.parametrize('how', ['deactivate', 'stop', 'disarm'])
def test_28_losing_authority_sends_zero(how):
    with graph() as g:
        g.drives()
        for _ in range(TRIALS):
            at = time.monotonic()
            if how == 'deactivate':
                assert g.change(4)
            elif how == 'stop':
                assert g.call(Trigger, 'drive/stop').success
                assert not g.call(SetBool, 'drive/arm', data=True).success
            else:
                assert g.call(SetBool, 'drive/arm', data=False).success
            done = time.monotonic()
            zero = wait_for(lambda: g.zero(at), 3.0, 'a zero')
            assert_within(zero[0] - done, 0.1, at)
            assert_stopped_for(g, zero[0], 0.9)
            if how == 'deactivate':
                wait_for(lambda: time.monotonic() - g.received[-1][0] > 0.5, 3.0, 'silence')
                assert g.change(3)
            else:
                assert g.call(Trigger, 'drive/reset').success
                assert g.moving(done) is None
                assert g.call(SetBool, 'drive/arm', data=True).success
            wait_for(lambda: g.moving(done), 3.0, 'moving again')


BROKEN = """
import sys
from support.faulty import FaultyPolicy
from mobile_vla_ros.nodes import drive


class Broken(drive.DriveNode):
    def fail(self, *args):
        raise RuntimeError('no such')

    {method} = fail


drive.DriveNode = Broken
sys.exit(drive.main(sys.argv[1:], lambda *_: FaultyPolicy('good')))
"""
UNCONFIGURED, FINALIZED = 1, 4


def assert_zeros_then_silence(g, at, done):
    """Check that zeros came after `at`, 0.1 s after `done` at the latest, and ended it all."""
    zero = wait_for(lambda: g.zero(at), 3.0, 'a zero')
    assert_within(zero[0] - done, 0.1, at)
    wait_for(lambda: time.monotonic() - max(done, g.received[-1][0]) > 0.5, 3.0, 'silence')
    after = [command for t, command in g.received if t >= zero[0]]
    assert len(after) >= 3 and all(command == STOP for command in after)


@pytest.mark.parametrize('method, transition, state', [
    ('unbroken', 7, FINALIZED), ('on_shutdown', 7, UNCONFIGURED),
    ('on_deactivate', 4, UNCONFIGURED)])
def test_28_a_shutdown_or_an_error_sends_zeros_then_nothing(method, transition, state):
    for _ in range(TRIALS):
        with graph() as g:
            process = g.start('-c', BROKEN.format(method=method), '--ros-args', '-p',
                              'armed:=true', '-p', 'instruction:=go')
            g.stream()
            wait_for(g.moving, 20.0, 'a moving base')
            at = time.monotonic()
            g.change(transition)
            assert g.call(GetState, 'drive/get_state').current_state.id == state
            assert_zeros_then_silence(g, at, time.monotonic())
            assert process.child.poll() is None


def test_16_an_error_in_showing_a_plan_is_told_and_the_base_drives_on(trial):
    with graph() as g:
        process = g.start('-c', BROKEN.format(method='_on_plan'), '--ros-args', '-p',
                          'armed:=true', '-p', 'instruction:=go')
        g.stream()
        at = wait_for(g.moving, 20.0, 'a moving base')[0]
        assert_told(g, 'policy', 'not shown (RuntimeError: no such)', at)
        wait_for(lambda: time.monotonic() > at + 1.0, 2.0, 'some commands')
        assert_no_stop(g, at)
        assert g.call(Trigger, 'drive/reset').success
        since = time.monotonic()
        assert g.call(SetBool, 'drive/arm', data=True).success
        wait_for(lambda: g.moving(since), 2.0, 'moving after the reset')
        assert process.child.poll() is None


def test_28_an_error_outside_the_lifecycle_sends_zeros_and_ends_the_process(trial):
    with graph() as g:
        process = g.start('-c', BROKEN.format(method='_on_instruction'), '--ros-args', '-p',
                          'armed:=true', '-p', 'instruction:=go')
        g.stream()
        wait_for(g.moving, 20.0, 'a moving base')
        at = time.monotonic()
        g.say('go left')
        assert process.wait(3.0) == 1
        assert_zeros_then_silence(g, at, at)
        assert 'RuntimeError: no such: the node ends' in ''.join(process.lines)
