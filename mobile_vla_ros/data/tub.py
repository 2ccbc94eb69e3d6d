"""
DonkeyCar tubs (version 2) as episodes, so that all that reads bags reads them too.

Format: https://docs.donkeycar.com/guide/host_pc/#tub; `user/angle` is positive to the right.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.data.episode import EpisodeWriter

MOST_HZ = 100.0  # no camera of such a car is faster: beyond, the times were not those of frames
IMAGE, ANGLE, THROTTLE = 'cam/image_array', 'user/angle', 'user/throttle'


class TubError(ValueError):
    """A folder that is no tub, or one that lacks what is needed."""


class Record(NamedTuple):
    """One frame: its time, its JPEG, and the driver's angle and throttle, -1..1."""

    stamp_ns: int
    jpeg: bytes
    angle: float
    throttle: float


def read_tub(path: Path) -> list[Record]:
    """
    Return the records of a tub in the order of their index, without the deleted ones.

    :raises TubError: naming the file and what is wrong in it.
    """
    manifest = path / 'manifest.json'
    if not manifest.is_file():
        raise TubError(f'{path}: not a DonkeyCar tub (no manifest.json in it)')
    try:
        described = json.loads(manifest.read_text(encoding='utf-8').splitlines()[4])
        catalogs, deleted = described['paths'], set(described['deleted_indexes'])
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise TubError(f'{manifest}: not that of a version 2 tub ({error!r})') from error
    records = {}
    for catalog in catalogs:
        lines = (path / catalog).read_text(encoding='utf-8').splitlines()
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                index = row['_index']
                record = Record(row['_timestamp_ms'] * NS // 1000, b'', float(row[ANGLE]),
                                float(row[THROTTLE]))
                image = path / 'images' / row[IMAGE]
            except (ValueError, KeyError, TypeError) as error:
                raise TubError(f'{path / catalog}, line {number}: {error!r}') from error
            if index in deleted:
                continue
            if not image.is_file():
                raise TubError(f'{path / catalog}, line {number}: no {image}; restore it, or '
                               'delete the record in the tub')
            records[index] = record._replace(jpeg=image.read_bytes())
    if not records:
        raise TubError(f'{path}: has no records')
    return [records[index] for index in sorted(records)]


def import_tub(path: Path, out: Path, instruction: str, rate_hz: float | None = None,
               speed: float = 1.0, turn: float = 1.0) -> dict:
    """
    Write a tub as an episode in the folder `out`; return its frames and seconds.

    :param rate_hz: of the frames, where the tub's own times are of no use.
    :param speed: m/s at full throttle; :param turn: rad/s at full angle.
    :raises TubError: as `read_tub`, or for times that no camera can have had.
    :raises FileExistsError: if `out` is there already.
    """
    records = read_tub(path)
    if rate_hz:
        start = records[0].stamp_ns
        records = [record._replace(stamp_ns=start + round(i * NS / rate_hz))
                   for i, record in enumerate(records)]
    seconds = (records[-1].stamp_ns - records[0].stamp_ns) / NS
    if len(records) > 1 and not 0 < (len(records) - 1) / max(seconds, 1e-9) <= MOST_HZ:
        raise TubError(f'{path}: its times say {len(records)} frames in {seconds:.2f} s; give '
                       'the true rate with --rate')
    from rosbags.typesys import get_typestore, Stores
    store = get_typestore(Stores.ROS2_HUMBLE)
    kinds = store.types
    writer = EpisodeWriter(out, {'instruction': instruction, 'source': f'tub {path.name}'})

    def topic(name, kind):
        channel = writer.topic(name, kind, store.generate_msgdef(kind, ros_version=2)[0])
        return lambda ns, msg: writer.write(channel, ns, bytes(store.serialize_cdr(msg, kind)))
    say = topic('/instruction', 'std_msgs/msg/String')
    show = topic('/image/compressed', 'sensor_msgs/msg/CompressedImage')
    tell = topic('/cmd_vel', 'geometry_msgs/msg/Twist')
    vector = kinds['geometry_msgs/msg/Vector3']
    say(records[0].stamp_ns, kinds['std_msgs/msg/String'](data=instruction))
    for record in records:
        at = record.stamp_ns
        stamp = kinds['builtin_interfaces/msg/Time'](sec=at // NS, nanosec=at % NS)
        show(at, kinds['sensor_msgs/msg/CompressedImage'](
            header=kinds['std_msgs/msg/Header'](stamp=stamp, frame_id='camera'), format='jpeg',
            data=np.frombuffer(record.jpeg, np.uint8)))
        command = Command(speed * record.throttle, 0.0, -turn * record.angle)
        tell(at, kinds['geometry_msgs/msg/Twist'](
            linear=vector(command.linear_x, 0.0, 0.0),
            angular=vector(0.0, 0.0, command.angular_z)))
    writer.close()
    return {'episode': str(out), 'frames': len(records), 'seconds': round(writer.seconds, 2)}
