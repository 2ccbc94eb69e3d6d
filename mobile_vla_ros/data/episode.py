"""
Episodes on disk: one rosbag2 folder with one MCAP file each, readable after a crash too.

Every message is a chunk of its own and is handed to the system at once. A killed recorder loses
only what it had not received yet. MCAP: https://mcap.dev/spec.
"""

import os
from pathlib import Path
import time

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.episode_file import describe, INFO, new_writer, Part, TopicCount
from mobile_vla_ros.data.storage.metadata import NAME

SYNC_S = 0.5  # s, the most that a loss of power may cost


class EpisodeWriter:
    """Writes one episode; `close` makes it complete."""

    def __init__(self, folder: Path, info: dict[str, str]) -> None:
        """
        Create the folder and the file in it.

        :param info: instruction, scenario and the like; kept in the file and in metadata.yaml.
        :raises FileExistsError: if the folder exists.
        """
        folder.mkdir(parents=True)
        self.folder, self.info = folder, dict(info)
        self.path = folder / f'{folder.name}_0.mcap'
        self._file = self.path.open('wb')
        self._writer = new_writer(self._file, chunk_size=1)
        self._writer.add_metadata(INFO, self.info)
        self._topics: dict[int, tuple[str, str]] = {}  # channel -> (name, kind)
        self._messages: dict[int, int] = {}  # channel -> how many were written
        self._span: tuple[int, int] | None = None  # ns of the first message and of the last
        self._synced = time.monotonic()
        self._file.flush()

    @property
    def counts(self) -> dict[str, int]:
        """Return how many messages of each topic were written."""
        return {name: self._messages[channel] for channel, (name, _) in self._topics.items()}

    @property
    def seconds(self) -> float:
        """Return the time from the first message to the last."""
        return (self._span[1] - self._span[0]) / NS if self._span else 0.0

    def topic(self, name: str, kind: str, definition: str) -> int:
        """
        Announce a topic; return its channel.

        :param kind: as ROS 2 spells it, 'sensor_msgs/msg/Image'.
        :param definition: the message definition, followed by those that it needs.
        """
        schema = self._writer.register_schema(kind, 'ros2msg', definition.encode())
        channel = self._writer.register_channel(name, 'cdr', schema,
                                                {'offered_qos_profiles': ''})
        self._topics[channel] = name, kind
        self._messages[channel] = 0
        return channel

    def write(self, channel: int, received_ns: int, raw: bytes) -> None:
        """
        Write one serialised message.

        :raises OSError: if the disk does not take it.
        """
        self._writer.add_message(channel, received_ns, raw, received_ns)
        self._messages[channel] += 1
        first, last = self._span or (received_ns, received_ns)
        self._span = min(first, received_ns), max(last, received_ns)
        self._file.flush()
        if time.monotonic() - self._synced > SYNC_S:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def close(self, more: dict[str, str] | None = None) -> None:
        """
        Write the index and metadata.yaml.

        :param more: info that is known only at the end, for metadata.yaml.
        """
        self._writer.finish()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        topics = [TopicCount(name, kind, 'cdr', '', self._messages[channel])
                  for channel, (name, kind) in self._topics.items()]
        describe(self.folder, [Part(self.path.name, self._span, topics)],
                 {**self.info, **(more or {})})


def is_whole(folder: Path) -> bool:
    """Tell whether an episode was closed."""
    return (folder / NAME).exists()
