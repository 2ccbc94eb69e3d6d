"""A picture for the tests of the encodings, and a cv_bridge that is there, gone or listened to."""

import sys

import numpy as np
import pytest

from mobile_vla_ros.images import bridge

CACHES = (bridge.bridge, bridge.converts, bridge.decodes, bridge.makes_images,
          bridge.makes_jpegs)


@pytest.fixture
def rgb():
    """Return a smooth colourful image (48, 64, 3), so that subsampled chroma is close."""
    y, x = np.mgrid[0:48, 0:64]
    return np.stack([x * 4, y * 5, 255 - x * 2 - y], -1).astype(np.uint8)


@pytest.fixture(params=['with cv_bridge', 'without'])
def any_bridge(request, monkeypatch):
    """Have the installed cv_bridge, or none."""
    if request.param == 'without':
        monkeypatch.setitem(sys.modules, 'cv_bridge', None)
    for cache in CACHES:
        cache.cache_clear()
    yield
    monkeypatch.undo()
    for cache in CACHES:
        cache.cache_clear()


@pytest.fixture
def asked(monkeypatch):
    """Return what the installed cv_bridge is asked to do, by the names of its methods."""
    cv_bridge = pytest.importorskip('cv_bridge')
    found = []

    def listened(name):
        method = getattr(cv_bridge.CvBridge, name)

        def call(*args, **kwargs):
            found.append(name)
            return method(*args, **kwargs)
        monkeypatch.setattr(cv_bridge.CvBridge, name, call)
    for name in ('imgmsg_to_cv2', 'compressed_imgmsg_to_cv2', 'cv2_to_imgmsg',
                 'cv2_to_compressed_imgmsg'):
        listened(name)
    return found
