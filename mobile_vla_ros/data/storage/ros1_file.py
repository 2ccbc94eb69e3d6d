"""Bags of ROS 1; rosbags reads their index. http://wiki.ros.org/Bags/Format/2.0."""

from __future__ import annotations

from pathlib import Path
import struct
from typing import TYPE_CHECKING

import numpy as np

from mobile_vla_ros.data.storage import BagError, Channel, DamagedError, Index
from mobile_vla_ros.data.storage.unpack import Chunks
from mobile_vla_ros.errors import one_line

if TYPE_CHECKING:
    from rosbags.interfaces import Connection

MAGIC = b'#ROSBAG V'
MESSAGE, CONNECTION = 2, 7
LENGTH = struct.Struct('<I')


class Ros1File:
    """One .bag file."""

    def __init__(self, path: Path) -> None:
        """
        Read what it holds.

        :raises BagError: if it is no such file, or was not closed.
        """
        from rosbags.rosbag1 import Reader
        self.notes: list[str] = []
        self._places: list[tuple[int, int]] = []  # (chunk, offset) of each row of the index
        self._reader = Reader(path)
        try:
            self._reader.open()
        except Exception as error:  # rosbags raises what its parsers do
            raise BagError(f'not a readable bag ({one_line(error)})',
                           'index it anew: rosbag reindex {file}') from error
        self._connections: list[Connection] = self._reader.connections
        self.channels = [Channel(c.topic, c.msgtype, 'ros1', c.msgcount)
                         for c in self._connections]
        self._chunks = Chunks(self._unpack)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def index(self, wanted: set[int]) -> Index:
        """Return when the messages on these channels came; rows of `read` count them."""
        rows = sorted((entry.chunk_pos, entry.offset, entry.time, channel) for channel in wanted
                      for entry in self._reader.indexes[self._connections[channel].id])
        self._places = [(chunk, at) for chunk, at, _, _ in rows]
        return Index(np.array([row[2] for row in rows], np.int64),
                     np.array([row[3] for row in rows], np.int32))

    def read(self, row: int) -> bytes:
        """
        Return the message in a row of the last `index`.

        :raises DamagedError: if it cannot be read.
        """
        chunk, at = self._places[row]
        data = self._chunks[chunk]
        try:
            opcode, content, at = _record(data, at)
            while opcode == CONNECTION:  # some writers count from the one before
                opcode, content, at = _record(data, at)
        except (struct.error, ValueError) as error:
            raise DamagedError('it is cut off') from error
        if opcode != MESSAGE:
            raise DamagedError('another lies where it should be')
        return content

    def _unpack(self, chunk: int) -> bytes:
        place, file = self._reader.chunks[chunk], self._reader.bio
        assert file is not None  # as long as the bag is open
        file.seek(place.datapos)
        try:
            return bytes(place.decompressor(file.read(place.datasize)))
        except Exception as error:  # lz4 and bz2 raise their own
            raise DamagedError(f'its chunk cannot be unpacked, {one_line(error)}') from error


def _record(data: bytes, at: int) -> tuple[int | None, bytes, int]:
    """Return the opcode of a record, its content, and where the next one begins."""
    length, = LENGTH.unpack_from(data, at)
    fields, at = data[at + 4:at + 4 + length], at + 4 + length
    opcode, place = None, 0
    while place < len(fields):
        size, = LENGTH.unpack_from(fields, place)
        if fields[place + 4:place + 7] == b'op=':
            opcode = fields[place + 7]
        place += 4 + size
    size, = LENGTH.unpack_from(data, at)
    if at + 4 + size > len(data):
        raise ValueError('cut off')
    return opcode, data[at + 4:at + 4 + size], at + 4 + size
