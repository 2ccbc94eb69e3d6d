"""What cv_bridge does is what the package's own tables say, and a bridge that errs is left out."""

import os
import subprocess
import sys

import numpy as np
import pytest

from mobile_vla_ros import messages
from mobile_vla_ros.images import bridge, encodings
from mobile_vla_ros.images.decode import image_to_rgb
from mobile_vla_ros.images.encodings import LAYOUTS
from support.image_messages import make_image
from support.paths import ROOT


@pytest.mark.parametrize('any_bridge', ['with cv_bridge'], indirect=True)
def test_a_cv_bridge_that_errs_is_not_asked(rgb, any_bridge, monkeypatch):
    cv_bridge = pytest.importorskip('cv_bridge')
    monkeypatch.setattr(cv_bridge.CvBridge, 'imgmsg_to_cv2', lambda self, msg, wanted: msg.data)
    msg = make_image(np.ascontiguousarray(rgb[..., ::-1]), 'bgr8')
    assert np.array_equal(image_to_rgb(msg), rgb)


@pytest.mark.skipif(np.__version__ < '2', reason='of NumPy 2')
@pytest.mark.parametrize('content, there', [
    (b'\x7fELF numpy.core.multiarray', False), (b'\x7fELF numpy._core.multiarray', True)])
def test_a_cv_bridge_built_for_numpy_1_is_not_loaded_under_2(tmp_path, content, there):
    (tmp_path / 'cv_bridge' / 'boost').mkdir(parents=True)
    (tmp_path / 'cv_bridge' / '__init__.py').write_text('class CvBridge: pass')
    (tmp_path / 'cv_bridge' / 'boost' / 'cv_bridge_boost.cpython-310.so').write_bytes(content)
    found = subprocess.run(
        [sys.executable, '-c', 'from mobile_vla_ros.images.bridge import bridge; import sys; '
         'print(bridge() is not None, "cv_bridge" in sys.modules)'], capture_output=True,
        text=True, check=True, env={**os.environ, 'PYTHONPATH': f'{tmp_path}:{ROOT}'})
    assert found.stdout.split() == [str(there)] * 2


@pytest.mark.parametrize('encoding', [name for name in LAYOUTS if LAYOUTS[name].rows == 1])
def test_cv_bridge_and_the_table_give_the_same_pixels(encoding):
    pytest.importorskip('cv_bridge')
    layout = LAYOUTS[encoding]
    shape = (32, 48, layout.channels) if layout.channels > 1 else (32, 48)
    pixels = np.random.default_rng(1).integers(0, np.iinfo(layout.sample).max, shape,
                                               layout.sample, endpoint=True)
    msg = make_image(pixels, encoding)
    right = encodings.to_rgb(encoding, pixels)
    assert np.array_equal(image_to_rgb(msg), right)
    if bridge.converts(encoding):
        assert np.array_equal(bridge.bridge().imgmsg_to_cv2(msg, 'rgb8'), right)


@pytest.mark.parametrize('encoding', ['bgr8', 'rgba8', 'bgra8', 'mono8', '8UC1', '8UC3', '8UC4',
                                      'bayer_rggb8', 'bayer_bggr8', 'bayer_gbrg8'])
def test_cv_bridge_does_what_it_can(rgb, encoding, asked):
    assert bridge.converts(encodings.known_as(encoding))
    asked.clear()
    layout = LAYOUTS[encodings.known_as(encoding)]
    pixels = np.dstack([rgb, rgb])[..., :layout.channels]
    image_to_rgb(make_image(np.ascontiguousarray(pixels), encoding, 5))
    assert asked == ['imgmsg_to_cv2']


def test_cv_bridge_makes_and_reads_what_is_published(rgb, asked):
    assert bridge.makes_images() and bridge.makes_jpegs()
    assert bridge.decodes('.jpg') and bridge.decodes('.png')
    asked.clear()
    image_to_rgb(messages.to_image(rgb, 1, 'camera'))  # a view: nothing to convert
    messages.compressed_to_rgb(messages.to_compressed(rgb, 1, 'camera'))
    assert asked == ['cv2_to_imgmsg', 'cv2_to_compressed_imgmsg', 'compressed_imgmsg_to_cv2']


@pytest.mark.usefixtures('any_bridge')
def test_messages_are_the_same_with_and_without_cv_bridge(rgb):
    msg = messages.to_image(rgb[:, ::-1], 7, 'camera')
    assert (msg.height, msg.width, msg.encoding, msg.step) == (48, 64, 'rgb8', 192)
    assert not msg.is_bigendian and np.array_equal(image_to_rgb(msg), rgb[:, ::-1])
    assert (msg.header.frame_id, messages.to_ns(msg.header.stamp)) == ('camera', 7)
    msg = messages.to_compressed(rgb, 7, 'camera')
    assert (msg.format, msg.header.frame_id) == ('rgb8; jpeg compressed bgr8', 'camera')
    assert np.abs(messages.compressed_to_rgb(msg).astype(int) - rgb).mean() <= 4
