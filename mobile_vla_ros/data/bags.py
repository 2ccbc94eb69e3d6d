"""Bags of ROS 1 and ROS 2 as camera frames, commands and instructions, in the order received."""

import math
from pathlib import Path
from typing import NamedTuple

import yaml

from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.images import compressed_to_rgb, image_to_rgb

KINDS = {
    'image': ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'),
    'command': ('geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped'),
    'instruction': ('std_msgs/msg/String',),
    'odometry': ('nav_msgs/msg/Odometry',),
}
DRIVING = ('image', 'command', 'instruction')
OPERATOR = 'cmd_vel_joy'  # topic of one who takes over; what the base does is on another


def bags_in(path: Path) -> list[Path]:
    """Return the bags in a folder of episodes, sorted; what is none is returned as it is."""
    inside = [] if _is_bag(path) else \
        sorted(folder for folder in path.glob('[!.]*') if _is_bag(folder))
    return inside or [path]


def _is_bag(folder: Path) -> bool:
    """Tell whether a folder holds messages, those of a killed recorder included."""
    return folder.is_dir() and ((folder / 'metadata.yaml').exists() or any(
        file.suffix in ('.mcap', '.db3') for file in folder.glob('*')))


class BagError(ValueError):
    """A bag that cannot be read, or that lacks what is asked of it."""


def read_info(folder: Path) -> dict[str, str]:
    """Return what our recorder noted beside the messages: scenario, distance and the like."""
    try:
        told = yaml.safe_load((folder / 'metadata.yaml').read_text(encoding='utf-8'))
        found = told['rosbag2_bagfile_information']['custom_data'] or {}
        return {str(name): str(value) for name, value in found.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError):
        return {}  # other recorders note nothing


class Event(NamedTuple):
    """What came at `received_ns`: an undecoded image, a text, a Command; odometry's is as done."""

    kind: str
    received_ns: int
    stamp_ns: int  # the message's own, received_ns where it has none
    value: object


class Bag:
    """One recording; use it in a `with` statement."""

    def __init__(self, path, **topics):
        """
        Open the bag at `path`: a rosbag2 folder, an .mcap, .db3 or ROS 1 .bag file.

        :param topics: image, command, instruction, odometry: the topic to read; None: the only
            one of its type; for instructions the only one whose name ends in 'instruction'.
        :raises FileNotFoundError: if there is none.
        :raises BagError: if it cannot be read, or what to take for the camera is not clear.
        """
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import get_typestore, Stores
        self.path = Path(path)
        if not self.path.exists():
            raise FileNotFoundError(f'no bag at {path}')
        try:
            self._reader = AnyReader([self.path],
                                     default_typestore=get_typestore(Stores.ROS2_HUMBLE))
            self._reader.open()
        except Exception as error:  # rosbags raises what its parsers do
            raise BagError(f'{path}: not a readable bag ({_line(error)})') from error
        try:
            if not all(c.topic and c.msgtype for c in self._reader.connections):
                raise BagError(f'{path}: not a readable bag (a topic has no name or no type)')
            self.topics = {kind: self._choose(kind, topics.get(kind)) for kind in KINDS}
            if self.topics['image'] is None:
                raise BagError(f'{path}: no camera in this bag (it needs '
                               f'{" or ".join(KINDS["image"])}); it has {self._contents()}')
        except BagError:
            self._reader.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._reader.close()

    @property
    def seconds(self) -> float:
        """Return how long the bag is."""
        return (self._reader.end_time - self._reader.start_time) / NS

    @property
    def compressed(self) -> bool:
        """Tell whether the camera's messages are CompressedImage."""
        return any(c.topic == self.topics['image'] and _type(c) == KINDS['image'][1]
                   for c in self._reader.connections)

    @property
    def info(self) -> dict:
        """Return what a recorder noted beside the messages: scenario, distance and the like."""
        return read_info(self.path if self.path.is_dir() else self.path.parent)

    def events(self, wanted=DRIVING, start_s: float = 0.0):
        """
        Yield an Event for every message on the chosen topics of the kinds that are wanted.

        :param start_s: seconds to leave out; the last instruction in them is said at their end.
        :raises BagError: where the bag is damaged, naming how far it was read.
        """
        kinds = {topic: kind for kind, topic in self.topics.items() if topic and kind in wanted}
        connections = [c for c in self._reader.connections
                       if c.topic in kinds and _type(c) in KINDS[kinds[c.topic]]]
        count, start_ns, said = 0, None, None
        try:
            for connection, received_ns, raw in self._reader.messages(connections):
                kind = kinds[connection.topic]
                start_ns = start_ns or received_ns + round(start_s * NS)
                if received_ns < start_ns and kind != 'instruction':
                    count += 1
                    continue
                event = _event(kind, int(received_ns),
                               self._reader.deserialize(raw, _type(connection)))
                count += 1
                if received_ns < start_ns:
                    said = event._replace(received_ns=start_ns)
                    continue
                if said:
                    yield said
                    said = None
                yield event
        except BagError:
            raise
        except Exception as error:  # whatever a damaged bag makes the parsers raise
            raise BagError(f'{self.path}: damaged after {count} messages '
                           f'({_line(error)})') from error

    def named(self, kind: str, name: str) -> str | None:
        """Return the topic of this kind, with messages on it, whose last part is `name`."""
        return next((c.topic for c in self._reader.connections if _type(c) in KINDS[kind]
                     and c.topic.rsplit('/', 1)[-1] == name and c.msgcount), None)

    def _choose(self, kind, wanted):
        there = sorted({c.topic for c in self._reader.connections if _type(c) in KINDS[kind]})
        if wanted:
            if wanted not in there:
                raise BagError(f'{self.path}: no {kind} topic {wanted!r}; it has '
                               f'{", ".join(there) or self._contents()}')
            return wanted
        if kind == 'instruction':
            there = [topic for topic in there if topic.rsplit('/', 1)[-1] == 'instruction']
        # Recorders register topics on which nothing comes, ours the operator's.
        heard = {c.topic for c in self._reader.connections
                 if c.msgcount and _type(c) in KINDS[kind]}
        there = [topic for topic in there if topic in heard] or there
        if kind == 'command' and len(there) > 1:
            there = [topic for topic in there if topic.rsplit('/', 1)[-1] == 'cmd_vel'] or \
                [topic for topic in there if topic.rsplit('/', 1)[-1] != OPERATOR] or there
        if kind == 'odometry':  # a second opinion at most: no reason to refuse a bag
            there = [topic for topic in there if topic.rsplit('/', 1)[-1] == 'odom'] or there
            there = there[:1]
        if len(there) > 1:
            raise BagError(f'{self.path}: several {kind} topics, name one with --{kind}-topic: '
                           f'{", ".join(there)}')
        return there[0] if there else None

    def _contents(self) -> str:
        return ', '.join(sorted(f'{c.topic} ({c.msgtype})' for c in self._reader.connections)) \
            or 'no topics at all'


def decode(msg, least: int = 0):
    """Return an image message's pixels, RGB uint8 (height, width, 3); `least` px suffice."""
    return compressed_to_rgb(msg, least) if hasattr(msg, 'format') else image_to_rgb(msg)


def _event(kind, received_ns, msg) -> Event:
    header = getattr(msg, 'header', None)
    stamp_ns = header.stamp.sec * NS + header.stamp.nanosec if header else 0
    value = msg
    if kind in ('command', 'odometry'):
        twist = getattr(msg, 'twist', msg)
        twist = getattr(twist, 'twist', twist)
        value = Command(twist.linear.x, twist.linear.y, twist.angular.z)
        if not all(map(math.isfinite, value)):
            raise ValueError(f'a {kind} that is not finite, {tuple(value)}')
    elif kind == 'instruction':
        value = msg.data
    return Event(kind, received_ns, stamp_ns or received_ns, value)


def _type(connection) -> str:
    """Return a type as ROS 2 spells it; some writers leave the /msg/ out."""
    package, _, name = connection.msgtype.partition('/')
    return f'{package}/msg/{name.removeprefix("msg/")}'


def _line(error) -> str:
    return ' '.join(str(error).split())[:200] or type(error).__name__
