"""Every encoding of sensor_msgs that can be RGB becomes it, by cv_bridge or where it has a gap."""

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import Image

from mobile_vla_ros.images.decode import describe_encoding, image_to_rgb, MessageError
from mobile_vla_ros.images.encodings import ASSUMED, ENCODINGS, LAYOUTS, SAME
from support.image_messages import make_image, make_planes, wide

COLOURS = {'rgb': [0, 1, 2], 'bgr': [2, 1, 0], 'rgba': [0, 1, 2, 0], 'bgra': [2, 1, 0, 1]}
SIGNED_OR_REAL = [f'{kind}C{count}' for kind in ('8S', '16S', '32S', '32F', '64F')
                  for count in (1, 2, 3, 4)]


def yuv(rgb):
    """Return BT.601 in studio range, as the standard has it rather than the code under test."""
    r, g, b = (rgb[..., i].astype(float) for i in range(3))
    return (16 + (65.738 * r + 129.057 * g + 25.064 * b) / 256,
            128 + (-37.945 * r - 74.494 * g + 112.439 * b) / 256,
            128 + (112.439 * r - 94.154 * g - 18.285 * b) / 256)


def near(msg, rgb):
    """Return whether a message becomes RGB of nearly these values."""
    return np.abs(image_to_rgb(msg).astype(int) - rgb).max() <= 12


def test_every_encoding_of_sensor_msgs_is_read_or_refused_by_name(rgb):
    twice = ('rgb', 'rgba', 'bgr', 'bgra', 'mono', 'bayer_rggb', 'bayer_bggr', 'bayer_gbrg',
             'bayer_grbg')
    assert set(ENCODINGS) == {
        *(f'{name}{depth}' for name in twice for depth in (8, 16)),
        '8UC1', '8UC3', '8UC4', '16UC1', '16UC3', '16UC4', 'yuv422', 'uyvy',
        'yuv422_yuy2', 'yuyv', 'nv12', 'nv21', 'nv24'}
    for name in ('8UC2', '16UC2', *SIGNED_OR_REAL, 'BGR8', 'rgb8 ', 'TYPE_8UC3', 'mjpeg', ''):
        with pytest.raises(MessageError, match=f'encoding {name!r} is not one of') as caught:
            image_to_rgb(make_image(rgb, name))
        assert caught.value.what == f'encoding {name!r}'


@pytest.mark.usefixtures('any_bridge')
@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('depth', [8, 16])
@pytest.mark.parametrize('name', COLOURS)
def test_colour_encodings_are_exact(rgb, name, depth, big, padding):
    pixels = np.ascontiguousarray(rgb[..., COLOURS[name]])
    if depth == 16:
        pixels = wide(pixels)
    assert np.array_equal(image_to_rgb(make_image(pixels, f'{name}{depth}', padding, big)), rgb)


@pytest.mark.usefixtures('any_bridge')
@pytest.mark.parametrize('name', ASSUMED)
def test_what_names_no_colours_is_read_as_opencv_has_them_and_told(rgb, name):
    meant = ASSUMED[name]
    pixels = rgb[..., COLOURS.get(meant.rstrip('168'), [0])]
    pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    pixels = wide(pixels) if meant.endswith('16') else pixels
    msg, named = (make_image(np.ascontiguousarray(pixels), each) for each in (name, meant))
    assert np.array_equal(image_to_rgb(msg), image_to_rgb(named))
    assert describe_encoding(msg) == f'{name}, taken as {meant}'
    assert describe_encoding(named) == meant


@pytest.mark.usefixtures('any_bridge')
@pytest.mark.parametrize('depth', [8, 16])
def test_grey_is_repeated(rgb, depth):
    grey = np.ascontiguousarray(rgb[..., 0])
    pixels = wide(grey) if depth == 16 else grey
    for big in (False, True):
        msg = make_image(pixels, f'mono{depth}', 3, big)
        assert np.array_equal(image_to_rgb(msg), np.dstack([grey] * 3))


def test_sixteen_bits_are_rounded_to_eight():
    values = np.arange(65536).astype(np.uint16).reshape(256, 256)
    got = image_to_rgb(make_image(values, 'mono16'))[..., 0]
    assert np.array_equal(got, np.round(values / 257).astype(np.uint8))


@pytest.mark.usefixtures('any_bridge')
@pytest.mark.parametrize('encoding, luma', [
    ('yuv422', 1), ('uyvy', 1), ('yuv422_yuy2', 0), ('yuyv', 0)])
def test_yuv422_has_its_colours(rgb, encoding, luma):
    y, u, v = yuv(rgb)
    packed = np.zeros((48, 64, 2))
    packed[..., luma] = y
    packed[:, 0::2, 1 - luma] = u[:, 0::2]
    packed[:, 1::2, 1 - luma] = v[:, 0::2]
    assert near(make_image(packed.round().astype(np.uint8), encoding, 6), rgb)


@pytest.mark.parametrize('padding', [0, 7, 64])
@pytest.mark.parametrize('encoding', ['nv12', 'nv21'])
def test_nv12_and_nv21_have_their_colours(rgb, encoding, padding):
    y, *color = (plane.round().astype(np.uint8) for plane in yuv(rgb))
    pairs = np.stack(color if encoding == 'nv12' else color[::-1], -1)[::2, ::2]
    msg = make_planes(y, pairs.reshape(24, 64), encoding, padding)
    assert len(msg.data) == msg.step * 48 * 3 // 2 and near(msg, rgb)


@pytest.mark.parametrize('size', [(48, 64), (47, 63), (1, 1)])
@pytest.mark.parametrize('padding', [0, 5])
def test_nv24_has_a_colour_for_each_pixel(rgb, size, padding):
    rgb = rgb[:size[0], :size[1]]
    y, u, v = (plane.round().astype(np.uint8) for plane in yuv(rgb))
    msg = make_planes(y, np.stack([u, v], -1).reshape(len(y), -1), 'nv24', padding)
    assert np.abs(image_to_rgb(msg).astype(int) - rgb).max() <= 3


@pytest.mark.parametrize('encoding, times', [('nv12', 1.5), ('nv21', 1.5), ('nv24', 2),
                                             ('nv24', 3)])
def test_planes_without_padding_are_read_however_the_step_counts_them(rgb, encoding, times):
    data = np.random.default_rng(0).integers(0, 256, int(48 * 64 * LAYOUTS[encoding].rows),
                                             np.uint8).tobytes()
    usual, counted = (Image(height=48, width=64, encoding=encoding, step=step, data=data)
                      for step in (64, int(64 * times)))
    assert np.array_equal(image_to_rgb(usual), image_to_rgb(counted))


@pytest.mark.usefixtures('any_bridge')
@pytest.mark.parametrize('size', [(16, 16), (15, 17)])
@pytest.mark.parametrize('depth, big', [(8, False), (16, False), (16, True)])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_bayer_patterns_start_at_the_first_row(pattern, depth, big, size):
    colour = {'r': 200, 'g': 100, 'b': 30}
    tile = np.array([colour[letter] for letter in pattern], np.uint16).reshape(2, 2)
    raw = np.tile(tile, (9, 9))[:size[0], :size[1]]
    raw = raw.astype(np.uint8)
    raw = wide(raw) if depth == 16 else raw
    got = image_to_rgb(make_image(raw, f'bayer_{pattern}{depth}', 3, big))
    assert got.shape == (*size, 3) and np.abs(got[8, 8].astype(int) - (200, 100, 30)).max() <= 2


def test_sixteen_bits_of_a_bayer_pattern_are_rounded_last():
    raw = np.random.default_rng(0).integers(0, 65536, (16, 24), np.uint16)
    exact = cv2.cvtColor(raw, cv2.COLOR_BayerBG2RGB) / 257
    assert np.array_equal(image_to_rgb(make_image(raw, 'bayer_rggb16')), exact.round())


def test_every_other_name_stands_for_one_in_the_table():
    assert {*SAME.values(), *ASSUMED.values()} <= set(LAYOUTS)
