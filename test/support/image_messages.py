"""Images of any encoding, packed by hand rather than by the code under test."""

import numpy as np
from sensor_msgs.msg import Image


def make_image(pixels, encoding, padding=0, big=False):
    """Return an Image of an array (height, width[, channels]), rows padded by `padding` bytes."""
    height, width = pixels.shape[:2]
    if pixels.dtype == np.uint16:
        pixels = pixels.astype('>u2' if big else '<u2')
    rows = np.frombuffer(pixels.tobytes(), np.uint8).reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    msg = Image(height=height, width=width, encoding=encoding, step=rows.shape[1],
                is_bigendian=int(big))
    msg.data = rows.tobytes()
    return msg


def make_planes(y, color, encoding, padding=0):
    """Return an Image of planes: y (height, width), colour in rows of bytes, rows padded."""
    height, width = y.shape
    wide = color.shape[1] // width  # rows of nv24's colours have twice the bytes, and padding
    rows = [np.pad(y, ((0, 0), (0, padding))), np.pad(color, ((0, 0), (0, padding * wide)))]
    return Image(height=height, width=width, encoding=encoding, step=width + padding,
                 data=b''.join(plane.tobytes() for plane in rows))


def wide(pixels):
    """Return 16 bits that round to these eight, and to others with their bytes exchanged."""
    return (pixels * np.uint16(257) + np.where(pixels < 128, 100, -100)).astype(np.uint16)
