"""Recordings made for a test, by a writer that is not the package's own."""

import cv2
import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import get_typestore, Stores

from mobile_vla_ros.contract import Command, NS

START = 1_700_000_000 * NS
STORE = get_typestore(Stores.ROS2_HUMBLE)
TEXT = 'go left around the box to the red bottle'
TYPES = STORE.types


class BagWriter:
    """A rosbag2 folder, message by message; the first of a topic tells its type."""

    def __init__(self, path, plugin=StoragePlugin.SQLITE3, info=()):
        self._writer = Writer(path, version=9, storage_plugin=plugin)
        for name, value in dict(info).items():
            self._writer.set_custom_data(name, value)
        self._topics = {}

    def __enter__(self):
        self._writer.open()
        return self

    def __exit__(self, *error):
        self._writer.close()

    def put(self, topic: str, ns: int, msg) -> None:
        """Write what was received at a time."""
        kind = msg.__msgtype__
        if topic not in self._topics:
            self._topics[topic] = self._writer.add_connection(topic, kind, typestore=STORE)
        self._writer.write(self._topics[topic], ns, STORE.serialize_cdr(msg, kind))


def header(ns: int, frame_id: str = 'camera'):
    """Return a header stamped `ns`."""
    stamp = TYPES['builtin_interfaces/msg/Time'](sec=ns // NS, nanosec=ns % NS)
    return TYPES['std_msgs/msg/Header'](frame_id=frame_id, stamp=stamp)


def text(words: str):
    """Return a String."""
    return TYPES['std_msgs/msg/String'](data=words)


def twist(command):
    """Return a Twist of (linear x, linear y, angular z)."""
    vector = TYPES['geometry_msgs/msg/Vector3']
    x, y, z = map(float, command)
    return TYPES['geometry_msgs/msg/Twist'](linear=vector(x, y, 0.0), angular=vector(0.0, 0.0, z))


def image(rgb, stamp_ns: int):
    """Return an Image of RGB uint8 (height, width, 3)."""
    height, width = rgb.shape[:2]
    return TYPES['sensor_msgs/msg/Image'](
        header=header(stamp_ns), height=height, width=width, encoding='rgb8', is_bigendian=0,
        step=3 * width, data=np.ascontiguousarray(rgb).reshape(-1))


def jpeg(rgb, stamp_ns: int, quality: int = 95):
    """Return a CompressedImage of RGB uint8 (height, width, 3)."""
    data = cv2.imencode('.jpg', rgb[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    return TYPES['sensor_msgs/msg/CompressedImage'](
        header=header(stamp_ns), format='jpeg', data=data.reshape(-1))


def write(path, seconds=2.0, hz=10.0, size=(320, 240), compressed=False, age_s=0.0, info=(),
          says=((0.0, TEXT),), plugin=StoragePlugin.SQLITE3, encoding=''):
    """
    Write a rosbag2 folder; frames come every 1/hz s, a command 10 ms after each.

    :param encoding: what raw pictures are called, instead of rgb8.
    :param age_s: from a frame's stamp to its receipt.
    :param says: (seconds, instruction).
    """
    to_message = jpeg if compressed else image
    rows = [(START + round(at * NS), '/instruction', text(words)) for at, words in says]
    for i in range(int(seconds * hz)):
        ns = START + round((0.02 + i / hz) * NS)
        rows += [(ns, '/camera/image', to_message(picture(i, size), ns - round(age_s * NS))),
                 (ns + NS // 100, '/cmd_vel', twist(Command(0.2, 0.1 * np.sin(i / 9), 0.1)))]
    for _, topic, msg in rows:
        if encoding and topic == '/camera/image':
            msg.encoding = encoding
    with BagWriter(path, plugin, info) as bag:
        for ns, topic, msg in sorted(rows, key=lambda row: row[0]):
            bag.put(topic, ns, msg)
    return path


ODD_TOLD = ['1 of 60 command messages cannot be read: it is not finite',
            '53 of 60 pictures have a stamp that is not newer than the one before',
            'the clock goes back by 2.9 s, 3.0 s after the start']


def write_odd(path):
    """Write 60 pictures and commands, a clock set back, a NaN, and stamps of whole seconds."""
    info = {'clock_jumps': '1', 'troubles': '["the clock was set while recording"]'}
    with BagWriter(path, info=info) as bag:
        bag.put('/instruction', START, text(TEXT))
        for i in range(60):
            ns = START + i * NS // 10 - (i > 30) * 3 * NS
            bag.put('/image', ns, image(picture(i, (32, 24)), START + i // 10 * NS))
            bag.put('/cmd_vel', ns + 1, twist((0.2, 0.0, np.nan if i == 10 else 0.1)))
    return path


def picture(number: int, size) -> np.ndarray:
    """Return RGB uint8 of a (width, height), a function of `number`: no two look alike."""
    coarse = np.random.default_rng(number).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
