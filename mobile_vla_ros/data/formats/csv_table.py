r"""
A CSV file beside its images: a line a frame.

The columns are `image`, the path of a JPEG or PNG from the CSV's folder, and `linear_x` and
`angular_z`, what was driven from that frame on, in m/s and rad/s, forward and left positive.
`linear_y`, `time_s` (seconds, rising) and `instruction` are there where they are known. Blanks
after commas mean nothing; a picture's path may have / or \ in it.
"""

from collections.abc import Iterator
import csv
import math
from pathlib import Path

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.formats.frame_times import check_times, nanoseconds, steady
from mobile_vla_ros.data.formats.imports import Frame, Options
from mobile_vla_ros.data.formats.source_files import (inside, MOST_FRAMES, MOST_PICTURE, MOST_TEXT,
                                                      read_bytes, SourceError)

NEEDED = ('image', 'linear_x', 'angular_z')
COLUMNS = (*NEEDED, 'linear_y', 'time_s', 'instruction')
NUMBERS = ('linear_x', 'linear_y', 'angular_z', 'time_s')
EXAMPLE = 'image,time_s,linear_x,angular_z,instruction'


def frames(path: Path, options: Options) -> Iterator[Frame]:
    """
    Yield the frames of a table.

    :raises SourceError: naming the line and what is wrong in it.
    """
    rows = _rows(path)
    if options.rate_hz:
        stamps = steady(path.stat().st_mtime_ns, len(rows), options.rate_hz)
    elif 'time_s' in rows[0]:
        stamps = [nanoseconds(row['time_s']) for row in rows]
        if stamps[0] <= 0:  # a stamp of 0 means that there is none
            stamps = [stamp - stamps[0] + NS for stamp in stamps]
    else:
        raise SourceError(f'{path}: has no column time_s; give the frames a second with --rate')
    check_times(path, stamps)
    worded = any(row.get('instruction') for row in rows)
    for stamp_ns, row in zip(stamps, rows):
        yield Frame(stamp_ns, read_bytes(row['image'], MOST_PICTURE),
                    (row['linear_x'], row.get('linear_y', 0.0), row['angular_z']),
                    row['instruction'] if worded else None, place=f'line {row["line"]}')


def _rows(path) -> list[dict]:
    if path.stat().st_size > MOST_TEXT:
        raise SourceError(f'{path}: has {path.stat().st_size} bytes, more than the {MOST_TEXT} '
                          'that are read; split it')
    rows = []
    try:
        with path.open(newline='', encoding='utf-8-sig') as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            names = reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
            _check_columns(path, names)
            for line in reader:
                rows.append(_row(path, names, line, reader.line_num))
                if len(rows) > MOST_FRAMES:
                    raise SourceError(f'{path}: has more than {MOST_FRAMES} lines; split it')
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f'{path}: not a CSV file in UTF-8 ({error})') from error
    if not rows:
        raise SourceError(f'{path}: has no lines below its head')
    return rows


def _check_columns(path, names):
    lacking = [name for name in NEEDED if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    twice = [name for name in names if names.count(name) > 1]
    if len(lacking) == len(NEEDED):
        head = ','.join(names)
        parted = next((mark for mark in ';\t|' if mark in head), None)
        what = (f'its values are parted by {parted!r}; write them with commas, and numbers with a '
                'point') if parted else \
            f'has no column {", ".join(lacking)}; its first line, {head!r:.80}, must name the ' \
            f'columns, as in {EXAMPLE}'
    elif lacking or unknown:
        what = f'has no column {", ".join(lacking)}' if lacking else \
            f'has a column {unknown[0]!r:.80} that means nothing here; rename or remove it'
    elif twice:
        what = f'has the column {twice[0]} twice'
    else:
        return
    raise SourceError(f'{path}: {what} (needed are {", ".join(NEEDED)}; known are '
                      f'{", ".join(COLUMNS[len(NEEDED):])} too)')


def _row(path, names, line, number) -> dict:
    def wrong(text):
        return SourceError(f'{path}, line {number}: {text}')
    if None in line or None in line.values():
        raise wrong(f'must have {len(names)} values, as the head has')
    row = {name: text.strip() for name, text in line.items()}
    for name in NUMBERS:
        if name in row:
            try:
                row[name] = float(row[name] or 'nan')  # pandas writes NaN as nothing
            except ValueError:
                row[name] = None
            if row[name] is None or name == 'time_s' and not math.isfinite(row[name]):
                raise wrong(f'{name} is {line[name]!r:.80}, wanted a finite number')
    try:
        return {**row, 'line': number, 'image': inside(path.parent, row['image'])}
    except SourceError as error:
        raise wrong(error) from error
