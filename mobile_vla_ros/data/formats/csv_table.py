r"""
A CSV file beside its images, with one line for each frame.

Needed columns: `image`, the path of a JPEG or PNG relative to the CSV's folder; `linear_x` (m/s,
forward positive) and `angular_z` (rad/s, left positive), the command that followed that frame.
Optional columns: `linear_y` (m/s, left positive), `time_s` (seconds, rising), `instruction`.
Blanks after commas are ignored. The path of a picture may have / or \ in it.
"""

from collections.abc import Iterator
import csv
import math
from pathlib import Path
from typing import Any

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

    :raises SourceError: if a line is wrong; it names the line and the fault.
    """
    rows = _rows(path)
    if options.rate_hz:
        stamps = steady(path.stat().st_mtime_ns, len(rows), options.rate_hz)
    elif 'time_s' in rows[0]:
        stamps = [nanoseconds(row['time_s']) for row in rows]
        if stamps[0] <= 0:  # a stamp of 0 would mean that there is no stamp
            stamps = [stamp - stamps[0] + NS for stamp in stamps]
    else:
        raise SourceError(f'{path}: has no column time_s; give the frames a second with --rate')
    check_times(path, stamps)
    has_instructions = any(row.get('instruction') for row in rows)
    for stamp_ns, row in zip(stamps, rows):
        yield Frame(stamp_ns, read_bytes(row['image'], MOST_PICTURE),
                    (row['linear_x'], row.get('linear_y', 0.0), row['angular_z']),
                    row['instruction'] if has_instructions else None, place=f'line {row["line"]}')


def _rows(path: Path) -> list[dict[str, Any]]:
    """Return the values of every line by the names of their columns; see `_row`."""
    if path.stat().st_size > MOST_TEXT:
        raise SourceError(f'{path}: has {path.stat().st_size} bytes, more than the {MOST_TEXT} '
                          'that are read; split it')
    rows = []
    try:
        with path.open(newline='', encoding='utf-8-sig') as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            names = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = names
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


def _check_columns(path: Path, names: list[str]) -> None:
    lacking = [name for name in NEEDED if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    twice = [name for name in names if names.count(name) > 1]
    if len(lacking) == len(NEEDED):
        head = ','.join(names)
        separator = next((mark for mark in ';\t|' if mark in head), None)
        what = (f'its values are separated by {separator!r}; write them with commas, and numbers '
                'with a point') if separator else \
            f'has no column {", ".join(lacking)}; its first line, {head!r:.80}, must name the ' \
            f'columns, as in {EXAMPLE}'
    elif lacking or unknown:
        what = f'has no column {", ".join(lacking)}' if lacking else \
            f'has a column {unknown[0]!r:.80} that is not known; rename or remove it'
    elif twice:
        what = f'has the column {twice[0]} twice'
    else:
        return
    raise SourceError(f'{path}: {what} (needed are {", ".join(NEEDED)}; known are '
                      f'{", ".join(COLUMNS[len(NEEDED):])} too)')


def _row(path: Path, names: list[str], line: dict[str, Any], number: int) -> dict[str, Any]:
    """Return the line with its numbers as float, its picture as a Path, and its own number."""
    def wrong(text: object) -> SourceError:
        return SourceError(f'{path}, line {number}: {text}')
    if None in line or None in line.values():
        raise wrong(f'must have {len(names)} values, as the head has')
    row: dict[str, Any] = {name: text.strip() for name, text in line.items()}
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
