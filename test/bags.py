"""Recordings made for a test: a camera that sees something new at every frame."""

import cv2
import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import get_typestore, Stores

from mobile_vla_ros.contract import NS

START = 1_700_000_000 * NS
STORE = get_typestore(Stores.ROS2_HUMBLE)
TEXT = 'go left around the box to the red bottle'


def write(path, seconds=2.0, hz=10.0, size=(320, 240), jpeg=False, age_s=0.0, info=(),
          says=((0.0, TEXT),), plugin=StoragePlugin.SQLITE3):
    """
    Write a rosbag2 folder; frames come every 1/hz s, a command 10 ms after each.

    :param age_s: from a frame's stamp to its receipt.
    :param says: (seconds, instruction).
    """
    t = STORE.types
    kind = f'sensor_msgs/msg/{"CompressedImage" if jpeg else "Image"}'
    rows = [(START + round(at * NS), 'text', text) for at, text in says]
    rows += [(START + round((0.02 + i / hz) * NS), 'image', i) for i in range(int(seconds * hz))]
    rows += [(ns + 10_000_000, 'command', i) for ns, what, i in rows if what == 'image']
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        for name, value in dict(info).items():
            writer.set_custom_data(name, value)
        topics = {what: writer.add_connection(topic, type_, typestore=STORE)
                  for what, topic, type_ in (
                      ('image', '/camera/image', kind), ('text', '/instruction',
                                                         'std_msgs/msg/String'),
                      ('command', '/cmd_vel', 'geometry_msgs/msg/Twist'))}
        for ns, what, value in sorted(rows, key=lambda row: row[0]):
            if what == 'text':
                msg = t['std_msgs/msg/String'](data=value)
            elif what == 'command':
                vector = t['geometry_msgs/msg/Vector3']
                msg = t['geometry_msgs/msg/Twist'](
                    linear=vector(0.2, 0.1 * np.sin(value / 9), 0.0), angular=vector(0., 0., 0.1))
            else:
                msg = image(value, size, ns - round(age_s * NS), jpeg)
            writer.write(topics[what], ns, STORE.serialize_cdr(msg, msg.__msgtype__))
    return path


def image(number, size, stamp_ns, jpeg):
    """Return a message whose picture is a function of `number`."""
    t, (width, height) = STORE.types, size
    coarse = np.random.default_rng(number).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    rgb = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    header = t['std_msgs/msg/Header'](frame_id='camera', stamp=t['builtin_interfaces/msg/Time'](
        sec=stamp_ns // NS, nanosec=stamp_ns % NS))
    if jpeg:
        return t['sensor_msgs/msg/CompressedImage'](
            header=header, format='jpeg', data=cv2.imencode('.jpg', rgb)[1].reshape(-1))
    return t['sensor_msgs/msg/Image'](
        header=header, height=height, width=width, encoding='rgb8', is_bigendian=0,
        step=3 * width, data=rgb.reshape(-1))
