"""MCAP files: only what is asked for is looked at. https://mcap.dev/spec."""

from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
import struct
import zlib

from mcap.data_stream import ReadDataStream
from mcap.reader import SeekingReader
from mcap.records import Channel as ChannelRecord, ChunkIndex, Schema
import numpy as np
import numpy.typing as npt

from mobile_vla_ros.data.storage import (BagError, Channel, DamagedError, Index, MOST,
                                         ros2_type, Rows)
from mobile_vla_ros.data.storage.unpack import Chunks, unpack

MAGIC = b'\x89MCAP0\r\n'
FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, DATA_END = 2, 3, 4, 5, 6, 7, 15
RECORD = struct.Struct('<BQ')  # what it is, its length
MESSAGE_HEAD = struct.Struct('<HIQQ')  # channel, number, received, published
CHUNK_HEAD = struct.Struct('<QQQII')  # first, last, unpacked size, checksum, length of a name
LATEST = 2**63 - 1
ENTRY = np.dtype([('ns', '<u8'), ('at', '<u8')])
PLACE = np.dtype([('ns', 'i8'), ('channel', 'i4'), ('chunk', 'i8'), ('at', 'i8')])
CUT = 'copy it anew; if it is so at its source, leave it out'
OUTSIDE = -1  # instead of a chunk's place: the message lies in the file itself

Schemas = dict[int, Schema]
Channels = dict[int, ChannelRecord]
Found = list[tuple[int, int, int, int]]  # channel's id, ns, chunk's place, place in it


class McapFile:
    """One MCAP file."""

    def __init__(self, path: Path) -> None:
        """
        Read what it holds.

        :raises BagError: if it is no such file, or was not closed.
        """
        self._file = path.open('rb')
        self._size = self._file.seek(0, 2)
        self.notes: list[str] = []
        self.channels: list[Channel] = []
        self.qos: list[str] = []  # of each channel, as its recorder noted it
        self._numbers: list[int] = []  # the id of each channel
        self._counts: dict[int, int] = {}  # id -> messages, as the file says
        self._known: tuple[Channels, Schemas] = {}, {}
        self._indexes: list[ChunkIndex] = []
        self._rows: Rows = np.zeros(0, PLACE)
        try:
            if self._bytes(0, len(MAGIC)) != MAGIC:
                raise BagError('not a readable bag (an MCAP file begins otherwise)', CUT)
            if self._size < 2 * len(MAGIC) or self._bytes(self._size - 8, 8) != MAGIC:
                raise BagError('not a readable bag (it was not closed, as when its recorder is '
                               'killed or a copy is cut short)',
                               'make it whole: dataset repair {bag}')
            self._chunks = Chunks(self._unpack)
            self._places: Rows | None = None if self._summary() else self._scan()
        except DamagedError as error:
            self.close()
            raise BagError(f'not a readable bag ({error})', CUT) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def index(self, wanted: set[int]) -> Index:
        """Return when the messages on these channels came; rows of `read` count them."""
        places = self._from_summary(wanted) if self._places is None else self._places
        if places is None:  # a summary that contradicts the file
            places = self._places = self._scan()
        self._rows = rows = places[np.isin(places['channel'], list(wanted))]
        return Index(rows['ns'], rows['channel'])

    def read(self, row: int) -> bytes:
        """
        Return the message in a row of the last `index`.

        :raises DamagedError: if it cannot be read.
        """
        ns, channel, chunk, at = self._rows[row].tolist()
        if chunk == OUTSIDE:
            content = self._content(at, MESSAGE)
        else:
            data = self._chunks[chunk]
            if at + RECORD.size > len(data):
                raise DamagedError('its place is not in its chunk')
            opcode, length = RECORD.unpack_from(data, at)
            content = data[at + RECORD.size:at + RECORD.size + length]
            if opcode != MESSAGE or len(content) < length:
                raise DamagedError('it is cut off')
        if len(content) < MESSAGE_HEAD.size:
            raise DamagedError('it is cut off')
        number, _, received_ns, _ = MESSAGE_HEAD.unpack_from(content)
        if (number, min(received_ns, LATEST)) != (self._numbers[channel], ns):
            raise DamagedError('another lies where it should be')
        return content[MESSAGE_HEAD.size:]

    def _summary(self) -> bool:
        """Take channels, counts and where chunks lie from the end; False if not all is there."""
        self._file.seek(0)
        try:
            summary = SeekingReader(self._file, record_size_limit=self._size).get_summary()
            if summary is None or summary.statistics is None:
                return False
            self._counts = dict(summary.statistics.channel_message_counts)
            self._known = dict(summary.channels), dict(summary.schemas)
            self._describe(*self._known)
            named = set().union(*(index.message_index_offsets for index in summary.chunk_indexes))
            self._indexes = sorted(summary.chunk_indexes,
                                   key=lambda index: index.chunk_start_offset)
            return bool(summary.chunk_indexes) and (named | self._counts.keys()) <= set(
                summary.channels) and summary.schemas.keys() >= {
                    channel.schema_id for channel in summary.channels.values()} - {0}
        except Exception:  # whatever the parser makes of a damaged one: the messages may be whole
            return False

    def _describe(self, known: Channels, schemas: Schemas) -> None:
        channels = [known[number] for number in sorted(known)]
        self._numbers = [channel.id for channel in channels]
        names = {number: schema.name for number, schema in schemas.items()}
        self.channels = [Channel(channel.topic, ros2_type(names.get(channel.schema_id, '')),
                                 channel.message_encoding, self._counts.get(channel.id, 0))
                         for channel in channels]
        self.qos = [channel.metadata.get('offered_qos_profiles', '') for channel in channels]

    def _from_summary(self, wanted: set[int]) -> Rows | None:
        """Return the places of messages, in the file's order; None if the index is damaged."""
        found: list[Rows] = [np.zeros(0, PLACE)]
        numbers = {self._numbers[channel]: channel for channel in wanted}
        for index in self._indexes:
            if index.message_index_length == 0:  # a writer may leave it out
                found.append(self._walk(index.chunk_start_offset))
                continue
            if not numbers.keys() & index.message_index_offsets.keys():
                continue
            parts = self._entries(index, numbers)
            if parts is None:
                return None
            places = np.concatenate(parts)
            found.append(places[np.argsort(places['at'], kind='stable')])
        return np.concatenate(found)

    def _entries(self, index: ChunkIndex, numbers: dict[int, int]) -> list[Rows] | None:
        """Return the places of a chunk's messages by its index; None if that is damaged."""
        begin = index.chunk_start_offset + index.chunk_length
        try:
            block, at = self._bytes(begin, index.message_index_length), 0
            parts: list[Rows] = []
            while at < len(block):
                opcode, length = RECORD.unpack_from(block, at)
                number, size = struct.unpack_from('<HI', block, at + RECORD.size)
                if opcode != MESSAGE_INDEX or size > length or size % ENTRY.itemsize:
                    return None
                entries = np.frombuffer(block, ENTRY, size // ENTRY.itemsize,
                                        at + RECORD.size + 6)
                if number in numbers:
                    parts.append(_places(entries['ns'], numbers[number],
                                         index.chunk_start_offset, entries['at']))
                at += RECORD.size + length
        except (DamagedError, struct.error, ValueError):
            return None
        return parts or [np.zeros(0, PLACE)]

    def _scan(self) -> Rows:
        """Find every message by reading the file once; take channels and counts from there."""
        channels, schemas = self._known
        found: Found = []
        at = len(MAGIC)
        while at < self._size - len(MAGIC):
            opcode, length = RECORD.unpack(self._bytes(at, RECORD.size))
            if opcode in (FOOTER, DATA_END) or at + RECORD.size + length > self._size:
                break
            if opcode == MESSAGE:
                number, _, ns, _ = MESSAGE_HEAD.unpack(
                    self._bytes(at + RECORD.size, MESSAGE_HEAD.size))
                found.append((number, ns, OUTSIDE, at))
            elif opcode == CHUNK:
                try:
                    self._read_records(at, schemas, channels, found)
                except DamagedError as error:
                    self.notes.append(f'a chunk of it is left out: {error}')
            else:
                self._note(opcode, self._content(at), schemas, channels)
            at += RECORD.size + length
        found = [row for row in found if row[0] in channels]
        self._counts = self._counts or Counter(row[0] for row in found)
        self._describe(channels, schemas)
        order = {number: channel for channel, number in enumerate(self._numbers)}
        return np.array([(min(ns, LATEST), order[number], chunk, at)
                         for number, ns, chunk, at in found], PLACE)

    def _read_records(self, chunk: int, schemas: Schemas, channels: Channels,
                      found: Found) -> None:
        for opcode, at, content in _records(self._chunks[chunk]):
            if opcode == MESSAGE:
                number, _, ns, _ = MESSAGE_HEAD.unpack_from(content)
                found.append((number, ns, chunk, at))
            else:
                self._note(opcode, content, schemas, channels)

    @staticmethod
    def _note(opcode: int, content: bytes | memoryview, schemas: Schemas,
              channels: Channels) -> None:
        """Take the definition of a schema or a channel; the first with an id counts."""
        if opcode not in (SCHEMA, CHANNEL):
            return
        stream = ReadDataStream(BytesIO(bytes(content)))
        try:
            if opcode == SCHEMA:
                schema = Schema.read(stream)
                schemas.setdefault(schema.id, schema)
            else:
                channel = ChannelRecord.read(stream)
                channels.setdefault(channel.id, channel)
        except Exception:  # a damaged definition, which nobody may need
            return

    def _walk(self, chunk: int) -> Rows:
        """Return the places of messages in a chunk of which there is no index."""
        order = {number: channel for channel, number in enumerate(self._numbers)}
        try:
            rows = [(*MESSAGE_HEAD.unpack_from(content)[:3:2], at)  # (channel's id, ns, place)
                    for opcode, at, content in _records(self._chunks[chunk]) if opcode == MESSAGE]
        except DamagedError:
            return np.zeros(0, PLACE)
        return np.array([(min(ns, LATEST), order[number], chunk, at)
                         for number, ns, at in rows if number in order], PLACE)

    def _unpack(self, chunk: int) -> bytes:
        content = self._content(chunk, CHUNK)
        try:
            _, _, size, checksum, named = CHUNK_HEAD.unpack_from(content)
            at = CHUNK_HEAD.size + named
            compression = bytes(content[CHUNK_HEAD.size:at]).decode()
            packed, = struct.unpack_from('<Q', content, at)
        except (struct.error, UnicodeDecodeError) as error:
            raise DamagedError('its chunk makes no sense') from error
        if size > MOST:
            raise DamagedError(f'its chunk says that it holds {size} bytes, more than {MOST}')
        data = unpack(content[at + 8:at + 8 + packed], compression, size)
        if len(data) != size or checksum and zlib.crc32(data) != checksum:
            raise DamagedError('its chunk is damaged')
        return data

    def _content(self, at: int, wanted: int | None = None) -> bytes:
        opcode, length = RECORD.unpack(self._bytes(at, RECORD.size))
        if wanted is not None and opcode != wanted:
            raise DamagedError('another lies where it should be')
        return self._bytes(at + RECORD.size, length)

    def _bytes(self, at: int, count: int) -> bytes:
        if at < 0 or at + count > self._size:  # before anything is allocated
            raise DamagedError('the file ends before it')
        self._file.seek(at)
        return self._file.read(count)


def _records(data: bytes) -> Iterator[tuple[int, int, memoryview]]:
    """Yield (opcode, place, content) of the records in a chunk."""
    at, view = 0, memoryview(data)
    while at + RECORD.size <= len(data):
        opcode, length = RECORD.unpack_from(data, at)
        content = view[at + RECORD.size:at + RECORD.size + length]
        if len(content) < length or opcode == MESSAGE and length < MESSAGE_HEAD.size:
            return
        yield opcode, at, content
        at += RECORD.size + length


def _places(ns: npt.NDArray[np.uint64], channel: int, chunk: int,
            at: npt.NDArray[np.uint64]) -> Rows:
    """Return places of the messages of one channel in one chunk."""
    out = np.zeros(len(ns), PLACE)
    out['ns'], out['at'] = np.minimum(ns, LATEST), np.minimum(at, LATEST)
    out['channel'], out['chunk'] = channel, chunk
    return out
