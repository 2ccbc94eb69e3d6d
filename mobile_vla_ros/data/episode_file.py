"""How our MCAP files, and the metadata.yaml beside them, are written."""

from functools import partial
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO, NamedTuple

import mcap.writer
from mcap.writer import CompressionType, Writer
import yaml
import zstandard

from mobile_vla_ros.data.storage.metadata import NAME

INFO = 'episode'  # name of the MCAP metadata record that holds what is known at the start
LIBRARY = 'mobile_vla_ros'
LEVEL = 1  # of zstd: raw pictures get as small as at its usual 3, in two thirds of the time

# The writer has no option for the level. It calls nothing else of the library.
vars(mcap.writer)['zstandard'] = SimpleNamespace(
    compress=partial(zstandard.compress, level=LEVEL))


class TopicCount(NamedTuple):
    """A topic, and how many messages are on it, as metadata.yaml names them."""

    name: str
    kind: str  # as ROS 2 spells it
    encoding: str
    qos: str
    messages: int


class Part(NamedTuple):
    """One file of an episode."""

    name: str
    span: tuple[int, int] | None  # ns of the first message and of the last
    topics: list[TopicCount]

    @property
    def messages(self) -> int:
        """Return how many messages are in it."""
        return sum(topic.messages for topic in self.topics)


def new_writer(file: BinaryIO, profile: str = 'ros2', chunk_size: int = 2**20) -> Writer:
    """Begin an MCAP file."""
    writer = Writer(file, chunk_size=chunk_size, compression=CompressionType.ZSTD)
    writer.start(profile, LIBRARY)
    return writer


def describe(folder: Path, parts: list[Part], info: dict[str, str]) -> None:
    """Write metadata.yaml. It is written last and in one go: if it exists, all is whole."""
    topics: dict[tuple[str, str, str, str], int] = {}
    for topic in (topic for part in parts for topic in part.topics):
        key = topic[:4]
        topics[key] = topics.get(key, 0) + topic.messages
    spans = [part.span for part in parts if part.span]
    first, last = (min(span[0] for span in spans), max(span[1] for span in spans)) if spans \
        else (0, 0)
    described = {'rosbag2_bagfile_information': {
        'version': 8, 'storage_identifier': 'mcap', **_span(first, last),
        'message_count': sum(topics.values()),
        'topics_with_message_count': [
            {'topic_metadata': {'name': name, 'type': kind, 'serialization_format': encoding,
                                'offered_qos_profiles': qos, 'type_description_hash': ''},
             'message_count': count} for (name, kind, encoding, qos), count in topics.items()],
        'compression_format': '', 'compression_mode': '',
        'relative_file_paths': [part.name for part in parts],
        'files': [{'path': part.name, **_span(*(part.span or (0, 0))),
                   'message_count': part.messages} for part in parts],
        'custom_data': info, 'ros_distro': os.environ.get('ROS_DISTRO', 'rosbags')}}
    new = folder / 'metadata.new'
    try:
        new.write_text(yaml.safe_dump(described, allow_unicode=True, sort_keys=False),
                       encoding='utf-8')
        new.replace(folder / NAME)
    finally:
        new.unlink(missing_ok=True)


def _span(first: int, last: int) -> dict[str, Any]:
    return {'duration': {'nanoseconds': last - first},
            'starting_time': {'nanoseconds_since_epoch': first}}
