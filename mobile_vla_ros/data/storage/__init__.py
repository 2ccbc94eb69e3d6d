"""Files of recorded messages, read as they are: what they hold, when it came, and the bytes."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

MOST = 2**30  # bytes of one chunk or message when unpacked: what says more is damaged


class BagError(ValueError):
    """A bag that cannot be read, or that lacks what is asked of it, with the way out."""

    def __init__(self, found: str, remedy: str = ''):
        """Say what was found, and what to do about it if anything can be done."""
        super().__init__(f'{found}; {remedy}' if remedy else found)
        self.found, self.remedy = found, remedy

    def within(self, bag: Path, file: Path) -> 'BagError':
        """Return it with the names of the bag and the file that it is about."""
        where = f'{bag}: ' + (f'{file.name}: ' if bag != file else '')
        return BagError(where + self.found, self.remedy.format(bag=bag, file=file))


class DamagedError(ValueError):
    """One message, or the chunk that it is in, that cannot be read; others can."""


class Channel(NamedTuple):
    """A topic as one file has it."""

    topic: str
    kind: str  # its type as ROS 2 spells it, '' where the file does not say
    encoding: str  # of its messages: cdr, ros1, json ...
    stored: int  # messages, as the file counts them itself


class Index(NamedTuple):
    """Of every message, in the order of the file, when it came and on which channel."""

    times_ns: np.ndarray  # (n,) int64
    channels: np.ndarray  # (n,) int32, places in the file's list of channels


def ros2_type(name: str) -> str:
    """Return a type as ROS 2 spells it; some writers leave the /msg/ out."""
    return name.replace('/', '/msg/') if name.count('/') == 1 else name
