"""
Read files and values of a recording that another program made, and trust none of them.

Only files in the recording's own folder are read, and only after their size was checked.
"""

import os
from pathlib import Path, PureWindowsPath
from typing import Any

MOST_FRAMES = 10**6  # of one source: a day at 10 Hz
MOST_TEXT = 512 * 2**20  # bytes of a table or catalogue
MOST_PICTURE = 32 * 2**20  # bytes of a JPEG or PNG; the pixels of the largest take 27 MB


class SourceError(ValueError):
    """A source cannot be imported; the message says which file, and why."""


def inside(root: Path, name: Any, folder: str = '') -> Path:
    """
    Return the file that the recording in `root` calls `name`; both kinds of slash separate.

    :param folder: in `root`; the name is relative to it.
    :raises SourceError: if it is not a text, leads out of `root` (also by a link), or is no file.
    """
    if not isinstance(name, str) or not name.strip() or '\0' in name:
        raise SourceError(f'{name!r:.80} is not the path of a file')
    named = PureWindowsPath(name)  # it knows / and \, drive letters and network shares
    path = root.joinpath(folder, *named.parts)
    if named.drive or named.root or '..' in named.parts \
            or not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise SourceError(f'the path {name!r:.200} leads out of {root / folder}; copy the file '
                          'into it and give the path from there')
    try:
        exists = path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        exists = False
    if not exists:
        raise SourceError(f'no file {path}'[:400])
    return path


def read_bytes(path: Path, most: int) -> bytes:
    """
    Return the content of a file.

    :raises SourceError: if it has more than `most` bytes.
    """
    size = path.stat().st_size
    if size > most:
        raise SourceError(f'{path}: has {size} bytes, more than the {most} that are read')
    with path.open('rb') as file:
        return file.read(most)


def read_lines(path: Path) -> list[str]:
    """
    Return the lines of a text file in UTF-8, without their ends.

    :raises SourceError: if it is too large, or not in UTF-8.
    """
    try:
        text = read_bytes(path, MOST_TEXT).decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise SourceError(f'{path}: not a text in UTF-8 ({error})') from error
    return [line.rstrip('\r') for line in text.split('\n')]


def number(value: Any, name: str) -> float:
    """
    Return a value of a JSON file as a number; it may be NaN or infinite.

    :raises SourceError: if it is a text, a truth value or anything else that is not a number.
    """
    if type(value) in (int, float):
        try:
            return float(value)
        except OverflowError:
            pass
    raise SourceError(f'{name} is {value!r:.80}, wanted a number')
