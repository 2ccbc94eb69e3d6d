"""
DonkeyCar tubs (version 2): frames with the angle and the throttle that drove the car.

Format: https://docs.donkeycar.com/guide/host_pc/#tub. `user/angle` is positive to the right.
`user/mode` says who drove, in the words of DonkeyCar's DriveMode. In `user` the user drove. In
`local_angle` the pilot steered and the user gave the throttle. In every other mode the pilot did
both.
"""

from collections.abc import Iterator
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.formats.frame_times import check_times, nanoseconds, steady
from mobile_vla_ros.data.formats.imports import Frame, Options
from mobile_vla_ros.data.formats.source_files import (inside, MOST_FRAMES, MOST_PICTURE, number,
                                                      read_bytes, read_lines, SourceError)

IMAGE, MODE, TIME = 'cam/image_array', 'user/mode', '_timestamp_ms'
USER, PILOT_STEERS = 'user', 'local_angle'


class Record(NamedTuple):
    """One frame: its time, its JPEG, the command to the car (-1..1, NaN if unknown), the mode."""

    stamp_ns: int
    jpeg: Path
    angle: float
    throttle: float
    mode: str
    place: str  # catalogue and line


def read_tub(path: Path) -> list[Record]:
    """
    Return the records of a tub in the order of their index, without the deleted ones.

    :raises SourceError: if a file is wrong; it names the file and the fault.
    """
    catalogs, deleted = _manifest(path / 'manifest.json')
    records: dict[int, Record] = {}
    for catalog in catalogs:
        try:
            file = inside(path, catalog)
        except SourceError as error:
            raise SourceError(f'{path / "manifest.json"}: {error}') from error
        for count, line in enumerate(read_lines(file), 1):
            if not line.strip():
                continue
            try:
                index, record = _record(path, line, deleted)
            except SourceError as error:
                raise SourceError(f'{file}, line {count}: {error}') from error
            if index in records:
                raise SourceError(f'{file}, line {count}: index {index} is also in '
                                  f'{records[index].place}; delete one of the lines')
            if record:
                records[index] = record._replace(place=f'{catalog}, line {count}')
            if len(records) > MOST_FRAMES:
                raise SourceError(f'{path}: has more than {MOST_FRAMES} records; split it')
    if not records:
        raise SourceError(f'{path}: has no records')
    return [records[index] for index in sorted(records)]


def frames(path: Path, options: Options) -> Iterator[Frame]:
    """
    Yield the frames of a tub.

    :raises SourceError: as `read_tub` does, and for times that no camera can have had.
    """
    records = read_tub(path)
    stamps = [record.stamp_ns for record in records]
    if options.rate_hz:
        stamps = steady(stamps[0], len(records), options.rate_hz)
    check_times(path, stamps)
    for stamp_ns, record in zip(stamps, records):
        yield Frame(stamp_ns, read_bytes(record.jpeg, MOST_PICTURE),
                    (record.throttle, 0.0, -record.angle), place=record.place, mode=record.mode)


def _manifest(manifest: Path) -> tuple[list[Any], set[Any]]:
    """Return the names of the catalogues and the indexes of the deleted records, unchecked."""
    if not manifest.is_file():
        raise SourceError(f'{manifest.parent}: not a DonkeyCar tub (no manifest.json in it)')
    try:
        described = json.loads(read_lines(manifest)[4])
        catalogs, deleted = list(described['paths']), set(described['deleted_indexes'])
    except (ValueError, IndexError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(f'{manifest}: not the manifest of a version 2 tub '
                          f'({error!r:.200})') from error
    return catalogs, deleted


def _record(path: Path, line: str, deleted: set[Any]) -> tuple[int, Record | None]:
    """Return the index and the record of a line; the record is None if it was deleted."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise SourceError(f'not JSON ({error!r:.200})') from error
    if not isinstance(row, dict):
        raise SourceError(f'{row!r:.80} is not a record')
    for name in ('_index', TIME, IMAGE):
        if name not in row:
            raise SourceError(f'has no {name!r}')
    index = row['_index']
    if type(index) is not int:
        raise SourceError(f'_index is {index!r:.80}, wanted a whole number')
    if index in deleted:
        return index, None
    mode = row.get(MODE) or USER
    if not isinstance(mode, str):
        raise SourceError(f'{MODE} is {mode!r:.80}, wanted a text')
    angle, throttle = (
        _value(row, 'user' if mode in users else 'pilot', name)
        for name, users in (('angle', (USER,)), ('throttle', (USER, PILOT_STEERS))))
    if not math.isfinite(number(row[TIME], TIME)):
        raise SourceError(f'{TIME} is {row[TIME]}, wanted a finite number')
    return index, Record(nanoseconds(row[TIME], NS // 1000), inside(path, row[IMAGE], 'images'),
                         angle, throttle, mode, '')


def _value(row: dict[str, Any], who: str, name: str) -> float:
    """Return an angle or a throttle; NaN where the pilot has not given one."""
    key = f'{who}/{name}'
    if who == 'pilot' and row.get(key) is None:
        return math.nan
    if key not in row:
        raise SourceError(f'has no {key!r}')
    return number(row[key], key)
