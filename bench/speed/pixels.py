"""
Measure cv_bridge and the table that fills its gaps, a VGA frame in each encoding, in turn.

    python -m bench.speed.pixels    # writes the table into docs/performance.md
"""

import argparse
from importlib import metadata
import sys

import numpy as np

from bench.pages import put
from bench.paths import ROOT
from bench.speed.timing import medians_ms
from mobile_vla_ros import messages
from mobile_vla_ros.images import bridge, encodings
from mobile_vla_ros.images.decode import image_to_rgb
from mobile_vla_ros.preprocessing import IMAGE

ENCODINGS = ('rgb8', 'bgr8', 'rgba8', 'mono8', 'bayer_rggb8', 'bayer_grbg8', 'yuv422_yuy2',
             'nv12', 'nv24', 'mono16', 'rgb16', 'bayer_rggb16')
REPEATS, CALLS = 5, 60


def frame(encoding: str):
    """Return (a VGA Image of noise, its samples as the table takes them)."""
    layout = encodings.LAYOUTS[encoding]
    shape = (int(480 * layout.rows), 640) + (layout.channels,) * (layout.channels > 1)
    pixels = np.random.default_rng(0).integers(
        0, np.iinfo(layout.sample).max, shape, layout.sample, endpoint=True)
    msg = messages.to_image(np.zeros((480, 640, 3), np.uint8), 1, 'camera')
    msg.encoding, msg.step, msg.data = encoding, 640 * layout.size, pixels.tobytes()
    return msg, pixels


def decoding(encoding: str) -> tuple:
    """Return a row: name, ms of cv_bridge or None, ms of the table, ms as used, who does it."""
    theirs, (msg, pixels) = bridge.bridge(), frame(encoding)
    sides = {'table': lambda: encodings.to_rgb(encoding, pixels),
             'used': lambda: image_to_rgb(msg)}
    if bridge.converts(encoding):
        sides['bridge'] = lambda: theirs.imgmsg_to_cv2(msg, 'rgb8')
    took = medians_ms(REPEATS, CALLS, **sides)
    who = 'a view' if encoding == 'rgb8' else 'cv_bridge' if 'bridge' in sides else 'the table'
    return f'`{encoding}` to RGB', took.get('bridge'), took['table'], took['used'], who


def rows():
    """Yield the rows of the table."""
    yield from map(decoding, ENCODINGS)
    rgb = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    rgb = np.ascontiguousarray(rgb.repeat(16, 0).repeat(16, 1))
    jpeg = messages.to_compressed(rgb, 1, 'camera')
    for what, used, other in (
            ('RGB to an Image', lambda: messages.to_image(rgb, 1, 'camera'), None),
            ('RGB to a JPEG', lambda: messages.to_compressed(rgb, 1, 'camera'), None),
            ('a JPEG to RGB', lambda: messages.compressed_to_rgb(jpeg), None),
            (f'the same, {IMAGE} px suffice', lambda: messages.compressed_to_rgb(jpeg, IMAGE),
             'cv2')):
        with_bridge = None if other else medians_ms(REPEATS, CALLS, used=used)['used']
        known, bridge.bridge = bridge.bridge, lambda: None
        forget()
        without = medians_ms(REPEATS, CALLS, used=used)['used']
        bridge.bridge = known
        forget()
        yield what, with_bridge, without, with_bridge or without, other or 'cv_bridge'


def forget() -> None:
    """Forget whether cv_bridge is there, so that it is tried again."""
    for cache in (bridge.decodes, bridge.makes_images, bridge.makes_jpegs):
        cache.cache_clear()


def main() -> int:
    """Measure and write."""
    argparse.ArgumentParser(prog='python -m bench.speed.pixels', description=__doc__,
                            formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    lines = [f'| ms a VGA frame | cv_bridge {metadata.version("cv-bridge")} (PyPI) | the table, '
             'or cv2 | as used here, checks included | done by |', '|---|---|---|---|---|']
    for what, theirs, table, used, who in rows():
        first = '–' if theirs is None else f'{theirs:.3f}'
        lines.append(f'| {what} | {first} | {table:.3f} | {used:.3f} | {who} |')
    put(ROOT / 'docs' / 'performance.md', 'pixels', '\n'.join(lines))
    print('\n'.join(lines))
    return 0


if __name__ == '__main__':
    sys.exit(main())
