"""Makes MCAP files whole that were not closed. It says what it leaves out, and changes nothing."""

from collections.abc import Iterator
import hashlib
import os
from pathlib import Path
from typing import Any, BinaryIO

from mcap.records import (Attachment, Channel, Chunk, Header, McapRecord, Message, Metadata,
                          Schema)
from mcap.stream_reader import breakup_chunk, StreamReader
from mcap.writer import Writer

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.episode_file import describe, INFO, new_writer, Part, TopicCount
from mobile_vla_ros.data.storage import BagError, MOST
from mobile_vla_ros.data.storage.files import files_by_bag, stored_in
from mobile_vla_ros.data.storage.mcap_file import McapFile
from mobile_vla_ros.data.storage.metadata import NAME, read_metadata


class EpisodeError(ValueError):
    """An episode that cannot be made whole."""


def repair(path: Path) -> dict[str, Any]:
    """
    Make an episode whole, or one file of a folder with others.

    The damaged files are kept as *.damaged until the user deletes them.

    :returns: messages and seconds of the episode now, `left_out` in words, and what was `kept`.
    :raises EpisodeError: if there is nothing to recover; it names what was found.
    :raises OSError: if the disk does not take it; then nothing has changed.
    """
    if path.is_file() and files_by_bag(path.parent) == [[path]] \
            and path.stem in (path.parent.name, f'{path.parent.name}_0'):
        path = path.parent  # it is all of its folder
    folder = path if path.is_dir() else None
    files = _files(path)
    damaged = [file for file in files if not _is_closed(file)]
    described = read_metadata(folder) if folder else None
    if not damaged and (described is None
                        or set(described.files) == {file.name for file in files}):
        raise EpisodeError(f'{path}: is whole, nothing to repair')
    info = dict(described.info) if described else {}
    left_out: list[str] = []
    made: dict[Path, Path] = {}  # damaged file -> the one written anew
    moved: list[tuple[Path, Path]] = []  # damaged file, and where it is kept
    try:
        for file in damaged:
            made[file] = new = file.with_name(f'.{file.name}.repairing')
            rewriting = Rewriting(file, new)
            info |= rewriting.info
            left_out += [f'{file.name}: {words}' for words in rewriting.left_out]
            if not rewriting.messages:
                made.pop(file).unlink()
                if len(files) == 1:
                    raise EpisodeError(f'{path}: no complete message in {file.name} '
                                       f'({file.stat().st_size} bytes)')
                left_out.append(f'{file.name}: no complete message')
            elif _digest(new) != rewriting.digest:
                raise EpisodeError(f'{path}: what was recovered of {file.name} does not read '
                                   'back; it is untouched')
        for file in damaged:  # no link, which some file systems do not have
            kept = _free(file.with_suffix('.damaged'))
            file.rename(kept)
            moved.append((file, kept))
            if file in made:
                made[file].rename(file)
        parts = [_part(file) for file in files if file.exists()]
        if folder:
            describe(folder, parts, {**info, 'repaired': 'yes'})
    except BaseException:
        for file, kept in moved:
            kept.replace(file)
        raise
    finally:
        for new in made.values():
            new.unlink(missing_ok=True)
    spans = [part.span for part in parts if part.span]
    return {'episode': str(path), 'messages': sum(part.messages for part in parts),
            'seconds': round((max(end for _, end in spans) - min(begin for begin, _ in spans))
                             / NS, 3) if spans else 0.0,
            'left_out': left_out, 'kept': [kept.name for _, kept in moved]}


def _files(path: Path) -> list[Path]:
    files = stored_in(path) if path.is_dir() else [path] if path.exists() else []
    others = [file for file in files if file.suffix != '.mcap']
    if others:
        raise EpisodeError(f'{path}: only .mcap is repaired here, found {others[0].name}; of a '
                           ".db3 that cannot be read, get what is whole: sqlite3 "
                           f"'{others[0]}' .recover | sqlite3 recovered.db3")
    if not files:
        raise EpisodeError(f'{path}: an episode has .mcap files, found 0')
    if path.is_dir() and not (path / NAME).exists() and len(files_by_bag(path)) > 1:
        raise EpisodeError(f'{path}: several bags, give one of the files: '
                           + ', '.join(file.name for file in files[:3]))
    return files


def _is_closed(file: Path) -> bool:
    try:
        McapFile(file).close()
    except BagError:
        return False
    return True


class Rewriting:
    """Writes what is complete in a file to another one."""

    def __init__(self, damaged: Path, out: Path) -> None:
        """Write it; what was written is known afterwards."""
        self.messages = 0
        self.info: dict[str, str] = {}  # what its recorder noted
        self.left_out: list[str] = []
        self._digest = hashlib.sha256()
        self._lost: dict[int, int] = {}  # channel -> messages of a type that is not known
        self._topics: dict[int, str] = {}
        self._schemas: dict[int, int] = {}  # id in the damaged file -> in the new one
        self._channels: dict[int, tuple[str, int]] = {}  # id -> (topic, id in the new one)
        self._writer: Writer | None = None
        with damaged.open('rb') as source, out.open('wb') as file:
            for record in _readable(source, damaged.stat().st_size, self.left_out):
                self._writer = self._writer or _begin(record, file)
                self._take(record, self._writer)
            if self._writer:
                self._writer.finish()
            file.flush()
            os.fsync(file.fileno())
        for number, count in self._lost.items():  # ROS 2 stumbles over them
            self.left_out.append(f'{count} messages on {self._topics.get(number, "a topic")}, of '
                                 'which it does not say the type')

    @property
    def digest(self) -> str:
        """Return what `_digest` of the new file must be."""
        return self._digest.hexdigest()

    def _take(self, record: McapRecord, writer: Writer) -> None:
        """Write a record; a message without a type is counted as lost."""
        if isinstance(record, Schema):
            if record.id not in self._schemas:
                self._schemas[record.id] = writer.register_schema(
                    record.name, record.encoding, record.data)
        elif isinstance(record, Channel):
            self._topics[record.id] = record.topic
            if record.id not in self._channels and record.schema_id in self._schemas:
                self._channels[record.id] = record.topic, writer.register_channel(
                    record.topic, record.message_encoding, self._schemas[record.schema_id],
                    record.metadata)
        elif isinstance(record, Message):
            if record.channel_id not in self._channels:
                self._lost[record.channel_id] = self._lost.get(record.channel_id, 0) + 1
                return
            topic, channel = self._channels[record.channel_id]
            writer.add_message(channel, record.log_time, record.data, record.publish_time,
                               record.sequence)
            self._digest.update(_digestible(topic, record.log_time, record.data))
            self.messages += 1
        elif isinstance(record, Metadata):
            self.info |= record.metadata if record.name == INFO else {}
            writer.add_metadata(record.name, record.metadata)
        elif isinstance(record, Attachment):
            writer.add_attachment(record.create_time, record.log_time, record.name,
                                  record.media_type, record.data)


def _begin(first: McapRecord, file: BinaryIO) -> Writer:
    """Begin a file of the profile that the first record of the damaged one names."""
    return new_writer(file, first.profile if isinstance(first, Header) else 'ros2')


def _readable(source: BinaryIO, size: int, left_out: list[str]) -> Iterator[McapRecord]:
    """Yield the records of a file up to the first that is not complete; note damaged chunks."""
    try:
        for record in StreamReader(source, emit_chunks=True, record_size_limit=size).records:
            if not isinstance(record, Chunk):
                yield record
                continue
            try:
                if record.uncompressed_size > MOST:
                    raise ValueError('too large')
                inside = breakup_chunk(record, validate_crc=True)
            except Exception:  # whatever the parsers make of a damaged one
                left_out.append('a chunk that is damaged')
                continue
            yield from inside
    except Exception:  # of half a record: all before it is whole
        return


def _digest(path: Path) -> str:
    """Return a digest of all messages, which are read as every verb reads them."""
    file, out = McapFile(path), hashlib.sha256()
    try:
        index = file.index(set(range(len(file.channels))))
        for row, (ns, channel) in enumerate(zip(index.times_ns.tolist(), index.channels)):
            out.update(_digestible(file.channels[channel].topic, ns, file.read(row)))
    finally:
        file.close()
    return out.hexdigest()


def _digestible(topic: str, ns: int, data: bytes) -> bytes:
    """Return what goes into a digest of a message."""
    return f'{topic} {ns} '.encode() + hashlib.sha256(data).digest()


def _part(path: Path) -> Part:
    """Return what metadata.yaml says of a file: the topics that ROS 2 can play."""
    file = McapFile(path)
    try:
        played = [number for number, channel in enumerate(file.channels)
                  if channel.encoding == 'cdr' and channel.type]
        times = file.index(set(played)).times_ns
    finally:
        file.close()
    topics = [TopicCount(*file.channels[number][:3], file.qos[number],
                         file.channels[number].stored) for number in played]
    return Part(path.name, (int(times.min()), int(times.max())) if len(times) else None, topics)


def _free(path: Path) -> Path:
    """Return a path that does not exist, so that what an earlier repair kept stays."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f'{path.stem}-{number}{path.suffix}')
    return free
