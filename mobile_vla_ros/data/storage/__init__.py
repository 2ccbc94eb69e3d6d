"""Files of recorded messages, read as they are: what they hold, when it came, and the bytes."""

from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

MOST = 2**30  # bytes of one chunk or message when unpacked: what says more is damaged


class BagError(ValueError):
    """A bag that cannot be read, or that lacks what is asked of it, with the way out."""

    def __init__(self, found: str, remedy: str = '') -> None:
        """Say what was found, and what to do about it if anything can be done."""
        super().__init__(f'{found}; {remedy}' if remedy else found)
        self.found, self.remedy = found, remedy

    def within(self, bag: Path, file: Path) -> 'BagError':
        """Return it with the names of the bag and the file that it is about."""
        where = f'{bag}: ' + (f'{file.name}: ' if bag != file else '')
        return BagError(where + self.found, self.remedy.format(bag=bag, file=file))


class DamagedError(ValueError):
    """One message, or the chunk that it is in, cannot be read; others can."""


class Channel(NamedTuple):
    """A topic as one file has it."""

    topic: str
    type: str  # as ROS 2 spells it, '' where the file does not say
    encoding: str  # of its messages: cdr, ros1, json ...
    stored: int  # messages, as the file counts them itself


class Index(NamedTuple):
    """When each message came and on which channel, in the order of the file."""

    times_ns: npt.NDArray[np.int64]  # (n,)
    channels: npt.NDArray[np.int32]  # (n,) places in the file's list of channels


class StorageFile(Protocol):
    """A file of messages that is open."""

    channels: list[Channel]
    notes: list[str]  # what is odd about it

    def close(self) -> None:
        """Close the file."""

    def index(self, wanted: set[int]) -> Index:
        """Return when the messages on these channels came; rows of `read` count them."""

    def read(self, row: int) -> bytes:
        """
        Return the message in a row of the last `index`.

        :raises DamagedError: if it cannot be read.
        """


Rows = np.ndarray[Any, np.dtype[np.void]]  # of named columns


def ros2_type(name: str) -> str:
    """Return a type as ROS 2 spells it; some writers leave the /msg/ out."""
    return name.replace('/', '/msg/') if name.count('/') == 1 else name
