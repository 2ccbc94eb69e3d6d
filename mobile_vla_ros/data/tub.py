"""
DonkeyCar tubs (version 2): frames with the driver's angle and throttle.

Format: https://docs.donkeycar.com/guide/host_pc/#tub; `user/angle` is positive to the right.
"""

from collections.abc import Iterator
import json
from pathlib import Path
from typing import NamedTuple

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.imports import check_times, Frame, SourceError, Options

IMAGE, ANGLE, THROTTLE = 'cam/image_array', 'user/angle', 'user/throttle'


class Record(NamedTuple):
    """One frame: its time, its JPEG, and the driver's angle and throttle, -1..1."""

    stamp_ns: int
    jpeg: bytes
    angle: float
    throttle: float


def read_tub(path: Path) -> list[Record]:
    """
    Return the records of a tub in the order of their index, without the deleted ones.

    :raises SourceError: naming the file and what is wrong in it.
    """
    manifest = path / 'manifest.json'
    if not manifest.is_file():
        raise SourceError(f'{path}: not a DonkeyCar tub (no manifest.json in it)')
    try:
        described = json.loads(manifest.read_text(encoding='utf-8').splitlines()[4])
        catalogs, deleted = described['paths'], set(described['deleted_indexes'])
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise SourceError(f'{manifest}: not that of a version 2 tub ({error!r})') from error
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
                raise SourceError(f'{path / catalog}, line {number}: {error!r}') from error
            if index in deleted:
                continue
            if not image.is_file():
                raise SourceError(f'{path / catalog}, line {number}: no {image}; restore it, or '
                               'delete the record in the tub')
            records[index] = record._replace(jpeg=image.read_bytes())
    if not records:
        raise SourceError(f'{path}: has no records')
    return [records[index] for index in sorted(records)]


def frames(path: Path, options: Options) -> Iterator[Frame]:
    """
    Yield the frames of a tub.

    :raises SourceError: as `read_tub`, or for times that no camera can have had.
    """
    records = read_tub(path)
    stamps = [record.stamp_ns for record in records]
    if options.rate_hz:
        stamps = [stamps[0] + round(i * NS / options.rate_hz) for i in range(len(records))]
    check_times(path, stamps)
    for stamp_ns, record in zip(stamps, records):
        yield Frame(stamp_ns, record.jpeg, (record.throttle, 0.0, -record.angle))
