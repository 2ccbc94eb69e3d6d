"""
Episodes on disk: one rosbag2 folder with one MCAP file each, readable after a crash too.

Every message is a chunk of its own and is handed to the system at once, so that a killed recorder
loses nothing but what it had not yet got hold of. MCAP: https://mcap.dev/spec.
"""

from functools import partial
import os
from pathlib import Path
import time
from types import SimpleNamespace

import mcap.writer
from mcap.reader import make_reader
from mcap.records import Channel, Message, Metadata, Schema
from mcap.stream_reader import StreamReader
from mcap.writer import CompressionType, Writer
import yaml
import zstandard

from mobile_vla_ros.contract import NS

INFO = 'episode'  # name of the MCAP metadata record that holds what is known at the start
SYNC_S = 0.5  # how much a loss of power may cost
LIBRARY = 'mobile_vla_ros'
LEVEL = 1  # of zstd: raw pictures come out as small as at its usual 3, in two thirds of the time

# The writer has no option for the level; this is all that it calls of the library.
mcap.writer.zstandard = SimpleNamespace(compress=partial(zstandard.compress, level=LEVEL))


class EpisodeError(ValueError):
    """An episode that cannot be written, or read back."""


class EpisodeWriter:
    """Writes one episode; `close` makes it complete."""

    def __init__(self, folder: Path, info: dict[str, str]):
        """
        Create the folder and the file in it.

        :param info: instruction, scenario and the like; kept in the file and in metadata.yaml.
        :raises FileExistsError: if the folder is there already.
        """
        folder.mkdir(parents=True)
        self.folder, self.info = folder, dict(info)
        self.path = folder / f'{folder.name}_0.mcap'
        self._file = self.path.open('wb')
        self._writer = Writer(self._file, chunk_size=1, compression=CompressionType.ZSTD)
        self._writer.start('ros2', LIBRARY)
        self._writer.add_metadata(INFO, self.info)
        self._topics = {}  # channel -> [name, kind, messages]
        self._span = None
        self._synced = time.monotonic()
        self._file.flush()

    @property
    def counts(self) -> dict[str, int]:
        """Return the messages written of each topic."""
        return {name: count for name, _, count in self._topics.values()}

    @property
    def seconds(self) -> float:
        """Return the time from the first message to the last."""
        return (self._span[1] - self._span[0]) / NS if self._span else 0.0

    def topic(self, name: str, kind: str, definition: str) -> int:
        """
        Announce a topic; return its channel.

        :param kind: as ROS 2 spells it, 'sensor_msgs/msg/Image'.
        :param definition: the message definition with those that it needs.
        """
        schema = self._writer.register_schema(kind, 'ros2msg', definition.encode())
        channel = self._writer.register_channel(name, 'cdr', schema,
                                                {'offered_qos_profiles': ''})
        self._topics[channel] = [name, kind, 0]
        return channel

    def write(self, channel: int, received_ns: int, raw: bytes) -> None:
        """
        Write one serialised message.

        :raises OSError: if the disk does not take it.
        """
        self._writer.add_message(channel, received_ns, raw, received_ns)
        self._topics[channel][2] += 1
        first, last = self._span or (received_ns, received_ns)
        self._span = min(first, received_ns), max(last, received_ns)
        self._file.flush()
        if time.monotonic() - self._synced > SYNC_S:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def close(self, more: dict[str, str] | None = None) -> None:
        """Write the index and metadata.yaml, with what is known only at the end in it too."""
        self._writer.finish()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._describe({**self.info, **(more or {})})

    def _describe(self, info) -> None:
        """Write metadata.yaml, last and in one go: where there is one, the episode is whole."""
        first, last = self._span or (0, 0)
        count = sum(self.counts.values())
        starts, lasts = {'nanoseconds_since_epoch': first}, {'nanoseconds': last - first}
        described = {'rosbag2_bagfile_information': {
            'version': 8, 'storage_identifier': 'mcap', 'duration': lasts,
            'starting_time': starts, 'message_count': count,
            'topics_with_message_count': [
                {'topic_metadata': {'name': name, 'type': kind, 'serialization_format': 'cdr',
                                    'offered_qos_profiles': '', 'type_description_hash': ''},
                 'message_count': number} for name, kind, number in self._topics.values()],
            'compression_format': '', 'compression_mode': '',
            'relative_file_paths': [self.path.name],
            'files': [{'path': self.path.name, 'starting_time': starts, 'duration': lasts,
                       'message_count': count}],
            'custom_data': info, 'ros_distro': os.environ.get('ROS_DISTRO', 'rosbags')}}
        new = self.folder / 'metadata.new'
        new.write_text(yaml.safe_dump(described, allow_unicode=True, sort_keys=False),
                       encoding='utf-8')
        new.replace(self.folder / 'metadata.yaml')


def is_whole(folder: Path) -> bool:
    """Tell whether an episode was closed."""
    return (folder / 'metadata.yaml').exists()


def repair(folder: Path) -> dict:
    """
    Make an episode whole that was not closed; return messages and seconds recovered.

    Its file is kept as *.damaged until the user deletes it.

    :raises EpisodeError: if there is nothing to recover, naming what was found.
    """
    files = sorted(folder.glob('*.mcap'))
    if is_whole(folder):
        raise EpisodeError(f'{folder}: is whole, nothing to repair')
    if len(files) != 1:
        raise EpisodeError(f'{folder}: an episode has one .mcap file, found {len(files)}')
    damaged = files[0]
    again = folder.parent / f'.{folder.name}.repairing'
    _remove(again)
    writer = _rewrite(damaged, again)
    count = sum(writer.counts.values()) if writer else 0
    if not count:
        _remove(again)
        raise EpisodeError(f'{folder}: no complete message in {damaged.name} '
                           f'({damaged.stat().st_size} bytes)')
    with writer.path.open('rb') as file:
        read = sum(1 for _ in make_reader(file).iter_messages())
    if read != count:
        raise EpisodeError(f'{folder}: {count} messages were recovered but {read} read back; '
                           f'{damaged.name} is untouched')
    kept = damaged.with_suffix('.damaged')
    kept.unlink(missing_ok=True)
    os.link(damaged, kept)
    described = (again / 'metadata.yaml').read_text(encoding='utf-8')
    writer.path.replace(damaged)
    (folder / 'metadata.yaml').write_text(described.replace(writer.path.name, damaged.name),
                                          encoding='utf-8')
    _remove(again)
    return {'episode': str(folder), 'messages': count, 'seconds': round(writer.seconds, 3)}


def _rewrite(damaged: Path, folder: Path) -> EpisodeWriter | None:
    """Write what is complete in a file into a new episode; None if nothing is."""
    info, schemas, channels, writer = {}, {}, {}, None
    for row in _readable(damaged):
        if isinstance(row, Metadata) and row.name == INFO:
            info = dict(row.metadata)
        elif isinstance(row, Schema):
            writer = writer or EpisodeWriter(folder, {**info, 'repaired': 'yes'})
            schemas[row.id] = row
        elif isinstance(row, Channel) and row.id not in channels:
            if row.schema_id not in schemas:
                break  # from here on the file makes no sense
            schema = schemas[row.schema_id]
            channels[row.id] = writer.topic(row.topic, schema.name,
                                            schema.data.decode(errors='replace'))
        elif isinstance(row, Message):
            if row.channel_id not in channels:
                break
            writer.write(channels[row.channel_id], row.log_time, row.data)
    if writer:
        writer.close()
    return writer


def _readable(path: Path):
    """Yield the records of a file as far as they are complete."""
    with path.open('rb') as file:
        try:
            yield from StreamReader(file).records
        except Exception:  # whatever the parsers make of half a record: all before it is whole
            return


def _remove(folder: Path) -> None:
    for path in folder.glob('*'):
        path.unlink()
    if folder.exists():
        folder.rmdir()
