"""Faults of the camera over real DDS: stalls, repeats, encodings, what is no image."""

from array import array
from pathlib import Path
import re
import struct
import time
import zlib

from geometry_msgs.msg import TwistStamped
import numpy as np
import pytest

from mobile_vla_ros import messages
from mobile_vla_ros.contract import STOP

from support.drive_checks import (
    assert_error, assert_no_stop, assert_rejected, assert_resumes, assert_stopped_for,
    assert_stops, assert_told, fresh_frame, PERIOD_S, TRANSPORT_S, TRIALS, value_of, WARN)
from support.ros_harness import assert_within, graph, wait_for


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
