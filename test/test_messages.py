"""Messages in, plain values out, and back; nothing that contradicts itself gets through."""

import math
import os
import subprocess
import sys

import cv2
from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from mobile_vla_ros.contract import Command
from mobile_vla_ros.images.decode import ENCODINGS, image_to_rgb, MAX_PIXELS, MessageError
from mobile_vla_ros.images.encodings import known_as, LAYOUTS
from mobile_vla_ros.preprocessing import preprocess

messages = pytest.importorskip('mobile_vla_ros.messages', reason='needs ROS messages')
from geometry_msgs.msg import Twist  # noqa: E402, I100
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402, I100
from support.paths import ROOT  # noqa: E402

SOAK = int(os.environ.get('MOBILE_VLA_SOAK', 1))


@pytest.fixture
def rgb():
    """Return a smooth colourful image (48, 64, 3), so that subsampled chroma is close."""
    y, x = np.mgrid[0:48, 0:64]
    return np.stack([x * 4, y * 5, 255 - x * 2 - y], -1).astype(np.uint8)


@pytest.mark.parametrize('changes, kind, words', [
    ({'encoding': '8UC2'}, 'encoding', "'8UC2' is not one of"),
    ({'encoding': '\n' * 999}, 'encoding', 'is not one of'),
    ({'width': 0}, 'size', '0x48'), ({'height': 0}, 'size', '64x0'),
    ({'width': 2**20, 'height': 2**20}, 'size', '1048576x1048576'),
    ({'step': 191}, 'step', 'step 191 is less than the 192 bytes'),
    ({'step': 193}, 'length', '9216 bytes, wanted step 193 x height 48 = 9264'),
    ({'height': 47}, 'length', 'wanted step 192 x height 47'),
    ({'data': b''}, 'length', 'data has 0 bytes'),
    ({'encoding': 'yuv422', 'width': 63}, 'size', 'width 63 must be even'),
    ({'encoding': 'nv12', 'height': 47}, 'size', '64x47 must be even'),
    ({'encoding': 'nv21'}, 'length', 'wanted step 192 x height 48 x 1.5 = 13824'),
    ({'encoding': 'nv24', 'step': 191}, 'length', 'wanted step 191 x height 48 x 3 = 27504'),
    ({'encoding': 'rgb16'}, 'step', 'step 192 is less than the 384 bytes'),
    ({'encoding': 'bayer_rggb8', 'width': 2}, 'size', '2x48 must be at least 4x4'),
])
def test_9_contradictions_are_refused_with_the_values(rgb, changes, kind, words):
    msg = messages.to_image(rgb, 1, 'camera')
    for name, value in changes.items():
        setattr(msg, name, value)
    with pytest.raises(MessageError, match=words) as caught:
        image_to_rgb(msg)
    assert caught.value.kind == kind
    assert len(str(caught.value)) < 500 and '\n' not in str(caught.value)


small = st.integers(0, 12)


@given(st.sampled_from(ENCODINGS + ('', 'jpeg')), small, small, st.integers(0, 100),
       st.binary(max_size=600), st.booleans())
@settings(max_examples=1000 * SOAK, deadline=None)
def test_9_no_image_raises_anything_else(encoding, height, width, step, data, fit):
    if fit:  # else hardly any would pass the checks
        layout = LAYOUTS.get(known_as(encoding), LAYOUTS['rgb8'])
        step = max(step, width * layout.size)
        length = int(step * height * layout.rows)
        data = ((data or b'\0') * length)[:length]
    msg = Image(encoding=encoding, height=height, width=width, step=step, data=data,
                is_bigendian=step % 3)
    try:
        rgb = image_to_rgb(msg)
    except MessageError:
        return
    assert rgb.shape == (height, width, 3) and rgb.dtype == np.uint8


def compress(rgb, suffix):
    return CompressedImage(
        format=suffix[1:], data=cv2.imencode(suffix, rgb[..., ::-1])[1].tobytes())


@pytest.mark.parametrize('suffix, error', [('.jpg', 8), ('.png', 0)])
def test_compressed_images_decode_as_rgb(rgb, suffix, error):
    got = messages.compressed_to_rgb(compress(rgb, suffix))
    assert np.abs(got.astype(int) - rgb).mean() <= error


@pytest.mark.parametrize('size, least, shape', [
    ((640, 480), 160, (240, 320)), ((641, 481), 160, (241, 321)), ((1280, 960), 160, (240, 320)),
    ((1920, 1280), 160, (160, 240)), ((319, 319), 160, (319, 319)), ((640, 480), 0, (480, 640))])
def test_a_jpeg_is_decoded_no_larger_than_it_is_looked_at(size, least, shape):
    rgb = cv2.resize(np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8), size,
                     interpolation=cv2.INTER_CUBIC)
    msg = compress(rgb, '.jpg')
    small = messages.compressed_to_rgb(msg, least)
    assert small.shape == (*shape, 3)
    difference = preprocess(small).astype(int) - preprocess(messages.compressed_to_rgb(msg))
    assert np.abs(difference).mean() < 1.5


def test_our_own_jpeg_decodes_as_rgb(rgb):
    msg = messages.to_compressed(rgb, 5, 'camera')
    assert np.abs(messages.compressed_to_rgb(msg).astype(int) - rgb).mean() <= 8


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_10_any_truncation_is_refused(rgb, suffix):
    msg = compress(rgb, suffix)
    data = bytes(msg.data)
    for size in range(0, len(data) - 1, 1 if SOAK > 1 else 7):
        msg.data = data[:size]
        with pytest.raises(MessageError):
            messages.compressed_to_rgb(msg)


def test_zeros_after_a_jpeg_are_padding(rgb):
    msg = compress(rgb, '.jpg')
    msg.data = bytes(msg.data) + bytes(100)
    assert messages.compressed_to_rgb(msg).shape == rgb.shape


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_10_a_bomb_is_refused_before_it_is_decoded(suffix):
    grey = np.zeros((MAX_PIXELS // 4096 + 1, 4096), np.uint8)
    msg = CompressedImage(data=cv2.imencode(suffix, grey)[1].tobytes())
    with pytest.raises(MessageError, match=r'image size 4096x2161 is not within') as caught:
        messages.compressed_to_rgb(msg)
    assert caught.value.kind == 'size'


@given(st.sampled_from(['.jpg', '.png']), st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8),
    st.sampled_from([0, 2, 8]))
@settings(max_examples=300 * SOAK, deadline=None)
def test_10_flipped_bytes_raise_nothing_else(suffix, flips, least):
    data = bytearray(cv2.imencode(suffix, np.full((16, 16, 3), 90, np.uint8))[1].tobytes())
    for at, value in flips:
        data[at % len(data)] = value
    try:
        messages.compressed_to_rgb(CompressedImage(data=bytes(data)), least)
    except MessageError:
        pass


def test_10_a_chunk_that_claims_too_much_is_refused_before_room_is_made():
    data = bytearray(cv2.imencode('.png', np.full((16, 16, 3), 90, np.uint8))[1].tobytes())
    assert messages.compressed_to_rgb(CompressedImage(data=bytes(data))).shape == (16, 16, 3)
    data[33] = 255  # the length of the second chunk: 4 GB
    with pytest.raises(messages.MessageError, match='cut short'):
        messages.compressed_to_rgb(CompressedImage(data=bytes(data)))


BOMBS = """
import re, struct, sys, zlib
import cv2, numpy as np
from mobile_vla_ros.images.decode import compressed_to_rgb, MessageError

class Message:
    format = 'bomb'

def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

def peak_kb():
    return int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])

side = 20000  # 50 MB of bits, 1.2 GB as RGB
header = struct.pack('>IIBBBBB', side, side, 1, 0, 0, 0, 0)
png = (b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', header)
       + chunk(b'IDAT', zlib.compress(bytes(side * (side // 8 + 1)), 1)) + chunk(b'IEND', b''))
jpeg = bytearray(cv2.imencode('.jpg', np.zeros((64, 64, 3), np.uint8))[1].tobytes())
at = jpeg.index(b'\\xff\\xc0') + 5
jpeg[at:at + 4] = struct.pack('>HH', 65000, 65000)
claims = bytearray(cv2.imencode('.png', np.zeros((64, 64, 3), np.uint8))[1].tobytes())
claims[33] = 255  # 4 GB in the second chunk
good = cv2.imencode('.jpg', np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8))[1]
Message.data = good.tobytes()
compressed_to_rgb(Message)  # what one good frame takes is no growth
open('/proc/self/clear_refs', 'w').write('5')  # the peak counts from here
before = peak_kb()
refused = 0
for _ in range(int(sys.argv[1])):
    for data in (png, bytes(jpeg), bytes(claims), good.tobytes()[:9000], good.tobytes()[:-2]):
        Message.data = data
        try:
            compressed_to_rgb(Message)
        except MessageError:
            refused += 1
print(refused, peak_kb() - before)
"""


def test_10_bombs_and_truncated_images_take_no_memory():
    rounds = 50 * SOAK
    out = subprocess.run([sys.executable, '-c', BOMBS, str(rounds)], cwd=ROOT, text=True,
                         capture_output=True, check=True)
    refused, grown_kb = map(int, out.stdout.split())
    assert refused == 5 * rounds
    assert grown_kb < 50_000


def test_commands_keep_their_axes():
    command = Command(0.1, -0.2, 0.3)
    twist = messages.to_twist(command)
    assert (twist.linear.x, twist.linear.y, twist.angular.z) == command
    assert (twist.linear.z, twist.angular.x, twist.angular.y) == (0, 0, 0)
    stamped = messages.to_twist_stamped(command, 1_500_000_000, 'base_link')
    assert (stamped.header.stamp.sec, stamped.header.stamp.nanosec) == (1, 500_000_000)
    assert stamped.header.frame_id == 'base_link'
    assert messages.to_command(twist) == messages.to_command(stamped) == command


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_a_twist_that_is_not_finite_is_refused(value):
    twist = Twist()
    twist.angular.z = value
    with pytest.raises(MessageError, match='must be finite'):
        messages.to_command(twist)


@given(st.integers(0, 2**31 * 10**9 - 1))
def test_stamps_come_back(ns):
    assert messages.to_ns(messages.to_stamp(ns)) == ns


def test_an_image_comes_back(rgb):
    msg = messages.to_image(rgb[:, ::-1], 7, 'camera')
    assert np.array_equal(image_to_rgb(msg), rgb[:, ::-1])
    assert (msg.header.frame_id, messages.to_ns(msg.header.stamp)) == ('camera', 7)


def test_odometry_and_transform_agree():
    odometry = messages.to_odometry((1.0, -2.0, math.pi / 2), (0.1, 0.2, 0.3), 9)
    transform = messages.to_transform(odometry)
    rotation = transform.transform.rotation
    assert transform.transform.translation.y == odometry.pose.pose.position.y == -2.0
    assert 2 * math.atan2(rotation.z, rotation.w) == pytest.approx(math.pi / 2)
    assert (transform.header.frame_id, transform.child_frame_id) == ('odom', 'base_link')
    assert messages.to_command(odometry.twist) == (0.1, 0.2, 0.3)


def test_a_scan_says_what_is_too_near_too_far_and_when():
    ranges = np.array([0.01, 0.05, 1.0, 8.0, 8.1, np.inf])
    scan = messages.to_laser_scan(ranges, -1.0, 0.5, 8.0, 3, 'laser_frame', 0.05, 0.1)
    assert scan.ranges.tolist() == pytest.approx([-np.inf, 0.05, 1.0, 8.0, np.inf, np.inf])
    assert (scan.angle_min, scan.angle_max, scan.angle_increment) == (-1.0, 1.5, 0.5)
    assert (scan.range_min, scan.range_max) == pytest.approx((0.05, 8.0))
    assert (scan.scan_time, scan.time_increment) == (pytest.approx(0.1), 0.0)
    assert scan.header.frame_id == 'laser_frame' and messages.to_scan(scan).sees(0.0)


def test_a_mount_is_a_transform_from_the_base():
    mount = messages.to_mount((0.1, -0.2, 0.3), (-0.5, 0.5, -0.5, 0.5), 'camera_optical_frame', 9)
    assert (mount.header.frame_id, mount.child_frame_id) == ('base_link', 'camera_optical_frame')
    place, turn = mount.transform.translation, mount.transform.rotation
    assert (place.x, place.y, place.z) == (0.1, -0.2, 0.3)
    assert (turn.x, turn.y, turn.z, turn.w) == (-0.5, 0.5, -0.5, 0.5)
    assert messages.to_ns(mount.header.stamp) == 9


def test_camera_info_is_a_pinhole():
    info = messages.to_camera_info([[300, 0, 160], [0, 310, 120], [0, 0, 1]], 320, 240, 0, 'c')
    assert (info.k[0], info.k[4], info.p[0], info.p[6]) == (300.0, 310.0, 300.0, 120.0)


def test_diagnostics_carry_words_and_values():
    msg = messages.to_diagnostics([('drive', messages.ERROR, 'stopped', {'age': 1.5})], 3)
    status, = msg.status
    assert (status.name, status.level, status.message) == ('drive', messages.ERROR, 'stopped')
    assert (status.values[0].key, status.values[0].value) == ('age', '1.5')
