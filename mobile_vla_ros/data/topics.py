"""Which topics of a bag hold its pictures, commands, instructions and odometry."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from mobile_vla_ros.data.storage import BagError, Channel
from mobile_vla_ros.report.words import first_of

KINDS = {
    'image': ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'),
    'command': ('geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped'),
    'instruction': ('std_msgs/msg/String',),
    'odometry': ('nav_msgs/msg/Odometry',),
}
DRIVING = ('image', 'command', 'instruction')
ENCODINGS = ('cdr', 'ros1')  # of messages that are read here
OPERATOR = 'cmd_vel_joy'  # topic of one who takes over; what the base does is on another
SHOWN = 8  # topics in a refusal


def is_readable(channel: Channel, kind: str) -> bool:
    """Tell whether a channel has messages of one of KINDS."""
    return channel.type in KINDS[kind] and channel.encoding in ENCODINGS


def last_part(topic: str) -> str:
    """Return the name of a topic without its namespace."""
    return topic.rsplit('/', 1)[-1]


def choose_topics(path: Path, channels: list[Channel],
                  named: Mapping[str, str | None]) -> dict[str, str | None]:
    """
    Return the topic of each of KINDS; None where the bag has none.

    :param path: of the bag, for the error.
    :param named: the topics that the user names, by kind.
    :raises BagError: if a named topic is missing, several may be meant, or there is no camera.
    """
    topics = {kind: _choose(path, channels, kind, named.get(kind)) for kind in KINDS}
    if topics['image'] is None:
        raise BagError(f'{path}: no camera in this bag (it needs {" or ".join(KINDS["image"])}); '
                       f'it has {_contents(channels)}')
    return topics


def _choose(path: Path, channels: list[Channel], kind: str, named: str | None) -> str | None:
    readable = [channel for channel in channels if is_readable(channel, kind)]
    topics = sorted({channel.topic for channel in readable})
    if named:
        if named not in topics:
            raise BagError(f'{path}: no {kind} topic {named!r}; it has '
                           f'{", ".join(topics) or _contents(channels)}')
        return named
    if kind == 'instruction':
        topics = _called('instruction', topics)
    # Recorders register topics on which nothing comes. Ours does so with the operator's.
    used = {channel.topic for channel in readable if channel.stored}
    topics = [topic for topic in topics if topic in used] or topics
    if kind == 'command' and len(topics) > 1:
        topics = _called('cmd_vel', topics) or \
            [topic for topic in topics if last_part(topic) != OPERATOR] or topics
    if kind == 'odometry':  # it only confirms what the commands say: no reason to refuse a bag
        topics = (_called('odom', topics) or topics)[:1]
    if len(topics) > 1:
        raise BagError(f'{path}: several {kind} topics, name one with --{kind}-topic: '
                       f'{", ".join(topics)}')
    return topics[0] if topics else None


def _called(name: str, topics: Iterable[str]) -> list[str]:
    return [topic for topic in topics if last_part(topic) == name]


def _contents(channels: list[Channel]) -> str:
    """Return the topics of a bag in words, with their types."""
    rows = sorted({f'{channel.topic} ({channel.type or "no type"}'
                   f'{"" if channel.encoding in ENCODINGS else f", {channel.encoding}"})'
                   for channel in channels})
    return first_of(rows, SHOWN) or 'no topics at all'
