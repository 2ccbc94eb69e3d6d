"""
A CSV file beside its images: a line a frame.

The columns are `image`, the path of a JPEG or PNG from the CSV's folder, and `linear_x` and
`angular_z`, what was driven from that frame on, in m/s and rad/s, forward and left positive.
`linear_y`, `time_s` (seconds, rising) and `instruction` are there where they are known.
"""

from collections.abc import Iterator
import csv
import math
from pathlib import Path

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.imports import check_times, Frame, SourceError, Options, steady

NEEDED = ('image', 'linear_x', 'angular_z')
COLUMNS = (*NEEDED, 'linear_y', 'time_s', 'instruction')
NUMBERS = ('linear_x', 'linear_y', 'angular_z', 'time_s')
STARTS = (b'\xff\xd8\xff', b'\x89PNG')  # of JPEG and PNG


def frames(path: Path, options: Options) -> Iterator[Frame]:
    """
    Yield the frames of a table.

    :raises SourceError: naming the line and what is wrong in it.
    """
    rows = _rows(path)
    if options.rate_hz:
        stamps = steady(path, len(rows), options.rate_hz)
    elif 'time_s' in rows[0]:
        stamps = [round(row['time_s'] * NS) for row in rows]
        if stamps[0] <= 0:  # a stamp of 0 means that there is none
            stamps = [stamp - stamps[0] + NS for stamp in stamps]
    else:
        raise SourceError(f'{path}: has no column time_s; give the frames a second with --rate')
    check_times(path, stamps)
    for stamp_ns, row in zip(stamps, rows):
        yield Frame(stamp_ns, row['image'].read_bytes(),
                    (row['linear_x'], row.get('linear_y', 0.0), row['angular_z']),
                    row.get('instruction'))


def _rows(path) -> list[dict]:
    try:
        with path.open(newline='', encoding='utf-8-sig') as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or []
            _check_columns(path, names)
            rows = [_row(path, names, line, reader.line_num) for line in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f'{path}: not a CSV file in UTF-8 ({error})') from error
    if not rows:
        raise SourceError(f'{path}: has no lines below its head')
    return rows


def _check_columns(path, names):
    lacking = [name for name in NEEDED if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    if lacking or unknown:
        what = f'has no column {", ".join(lacking)}' if lacking else \
            f'has a column {unknown[0]!r} that means nothing here; rename or remove it'
        raise SourceError(f'{path}: {what} (needed are {", ".join(NEEDED)}; known are '
                            f'{", ".join(COLUMNS[len(NEEDED):])} too)')


def _row(path, names, line, number) -> dict:
    def wrong(text):
        return SourceError(f'{path}, line {number}: {text}')
    if None in line or None in line.values():
        raise wrong(f'must have {len(names)} values, as the head has')
    row = dict(line)
    for name in NUMBERS:
        if name in row:
            try:
                row[name] = float(row[name])
            except ValueError:
                row[name] = math.nan
            if not math.isfinite(row[name]):
                raise wrong(f'{name} is {line[name]!r}, wanted a finite number')
    row['image'] = path.parent / line['image']
    if not row['image'].is_file():
        raise wrong(f'no {row["image"]}; restore it, or remove the line')
    with row['image'].open('rb') as file:
        if not file.read(4).startswith(STARTS):
            raise wrong(f'{row["image"]} is neither JPEG nor PNG')
    return row
