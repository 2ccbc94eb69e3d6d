"""Episodes of texts, as the recorder writes them, and what another reader finds in them."""

from rosbags.highlevel import AnyReader

from mobile_vla_ros.data.episode import EpisodeWriter
from support.bags import START, STORE, TYPES

STRING = 'std_msgs/msg/String'


def definition(kind) -> str:
    """Return the definition of a message type."""
    return STORE.generate_msgdef(kind, ros_version=2)[0]


def raw_text(value) -> bytes:
    """Return a String as it is written."""
    return bytes(STORE.serialize_cdr(TYPES[STRING](data=value), STRING))


def read_texts(folder):
    """Return the texts, read by a reader that is not ours."""
    with AnyReader([folder]) as reader:
        return [reader.deserialize(raw, STRING).data for _, _, raw in reader.messages()]


def begin_episode(folder, count=5):
    """Write an episode of `count` texts, 0.1 s apart; return its writer, not yet closed."""
    writer = EpisodeWriter(folder, {'instruction': '왼쪽으로', 'scenario': 'a'})
    channel = writer.topic('/events', STRING, definition(STRING))
    for i in range(count):
        writer.write(channel, START + i * 100_000_000, raw_text(f'number {i}'))
    return writer
