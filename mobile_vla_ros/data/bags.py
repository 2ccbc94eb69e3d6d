"""Bags of ROS 1 and ROS 2 as camera frames, commands and instructions, in the order received."""

from functools import cached_property, lru_cache
import math
from pathlib import Path
from typing import NamedTuple

from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.data.reading import Reading
from mobile_vla_ros.data.storage import BagError
from mobile_vla_ros.data.storage.files import recordings_in, stored_in
from mobile_vla_ros.data.storage.metadata import NAME, read_metadata
from mobile_vla_ros.data.storage.recording import Recording
from mobile_vla_ros.errors import one_line
from mobile_vla_ros.images.decode import compressed_to_rgb, image_to_rgb

KINDS = {
    'image': ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'),
    'command': ('geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped'),
    'instruction': ('std_msgs/msg/String',),
    'odometry': ('nav_msgs/msg/Odometry',),
}
DRIVING = ('image', 'command', 'instruction')
DECODERS = {'cdr': ('ROS2_HUMBLE', 'deserialize_cdr'), 'ros1': ('ROS1_NOETIC', 'deserialize_ros1')}
UNREADABLE = 'a command that cannot be read'  # why there is a cut
SHOWN = 8  # topics in a refusal
OPERATOR = 'cmd_vel_joy'  # topic of one who takes over; what the base does is on another


def bags_in(path: Path) -> list[Path]:
    """Return the bags in a folder of episodes, sorted; what is none is returned as it is."""
    if not path.is_dir() or (path / NAME).exists():
        return [path]
    groups = recordings_in(path)
    inside = [folder for folder in path.glob('[!.]*') if _is_bag(folder)]
    inside += path.glob('[!.]*.bag')
    if inside or len(groups) > 1:  # one in several files is opened by its folder only
        inside += [file for group in groups for file in group]
    return sorted(inside) or [path]


def _is_bag(folder: Path) -> bool:
    """Tell whether a folder holds messages, those of a killed recorder included."""
    return folder.is_dir() and ((folder / NAME).exists() or bool(stored_in(folder)))


def read_info(folder: Path) -> dict[str, str]:
    """Return what our recorder noted beside the messages: scenario, distance and the like."""
    return read_metadata(folder).info  # other recorders note nothing


class Event(NamedTuple):
    """
    What came at `received_ns`: an undecoded image, a text, a Command; odometry's is as done.

    A `cut`, among commands, is where nothing follows any more on what came before; its value
    says why.
    """

    kind: str
    received_ns: int  # rises: after a cut it is moved to shortly after what came before
    stamp_ns: int  # the message's own, received_ns where it has none; as old as before the cut
    value: object
    moved_ns: int = 0  # what was added to the stamp


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
        import rosbags.typesys  # noqa: F401 (that it is missing shows here, not at a message)
        self.path = Path(path)
        if not self.path.exists():
            raise FileNotFoundError(f'no bag at {path}')
        self._recording = Recording(self.path)
        try:
            self.topics = {kind: self._choose(kind, topics.get(kind)) for kind in KINDS}
            if self.topics['image'] is None:
                raise BagError(f'{path}: no camera in this bag (it needs '
                               f'{" or ".join(KINDS["image"])}); it has {self._contents()}')
            self.reading = self._new_reading(KINDS)
        except BagError:
            self._recording.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._recording.close()

    @cached_property
    def _indexed(self) -> Recording:
        """Return the recording when the messages on the chosen topics are found."""
        try:
            self._recording.index([number for number, _ in self._chosen(KINDS)])
        except Exception as error:  # whatever a damaged bag makes the parsers raise
            raise BagError(f'{self.path}: damaged ({one_line(error)})') from error
        return self._recording

    @property
    def seconds(self) -> float:
        """Return how long the bag is, without the time in which nothing comes."""
        times, parts = self._indexed.times_ns, self._indexed.parts
        return (int(times[parts[-1].rows[-1]]) + parts[-1].moved_ns
                - int(times[parts[0].rows[0]])) / NS if parts else 0.0

    @property
    def compressed(self) -> bool:
        """Tell whether the camera's messages are CompressedImage."""
        return any(c.kind == KINDS['image'][1] for _, c in self._chosen(('image',)))

    @property
    def info(self) -> dict:
        """Return what a recorder noted beside the messages: scenario, distance and the like."""
        return self._recording.info

    def events(self, wanted=DRIVING, start_s: float = 0.0):
        """
        Yield an Event for every message on the chosen topics of the kinds that are wanted.

        A message that cannot be read is left out and counted; in the place of a command comes
        a `cut`, in that of an instruction an empty one. When all was read, `reading` has it.

        :param start_s: seconds to leave out; the last instruction in them is said at their end.
        :raises BagError: where no image, or no command, can be read.
        """
        recording = self._indexed
        reading = self._new_reading(wanted)
        kinds = {number: kind for number, kind in self._kinds() if kind in wanted}
        begin_ns, said, stamps = None, None, Stamps()
        for part in recording.parts:
            first = part.why
            stamps.begin(part.moved_ns)
            for place in part.rows.tolist():
                kind = kinds.get(int(recording.of[place]))
                if kind is None:
                    continue
                received_ns = int(recording.times_ns[place]) + part.moved_ns
                if begin_ns is None:
                    begin_ns = received_ns + round(start_s * NS)
                if first:
                    reading.cuts.append(part.why)
                    if received_ns >= begin_ns and 'command' in wanted:
                        yield Event('cut', received_ns, received_ns, part.why)
                    first = ''
                if received_ns < begin_ns and kind != 'instruction':
                    reading.read[kind] += 1
                    continue
                event = self._event(kind, place, received_ns, stamps, reading)
                if event is None:
                    continue
                if received_ns < begin_ns:
                    said = event._replace(received_ns=begin_ns)
                    continue
                if said:
                    yield said
                    said = None
                yield event
        reading.whole, self.reading = True, reading
        for kind in ('image', 'command'):
            why = reading.skipped.get(kind)
            if why and not reading.read[kind]:
                count = reading.left_out(kind)
                raise BagError(f'{self.path}: none of its {count} {kind} messages can be read '
                               f'({next(iter(why))})',
                               f'name another topic with --{kind}-topic, or leave it out')

    def named(self, kind: str, name: str) -> str | None:
        """Return the topic of this kind, with messages on it, whose last part is `name`."""
        return next((c.topic for c in self._of(kind)
                     if c.topic.rsplit('/', 1)[-1] == name and c.stored), None)

    def _event(self, kind, place, received_ns, stamps, reading) -> Event | None:
        """Return the event of a message, or what stands in for one that cannot be read."""
        channel = self._recording.channels[self._recording.of[place]]
        try:
            msg = _message(self._recording.read(place), channel)
            value = _value(kind, msg)
        except Exception as error:  # whatever a damaged message makes the parsers raise
            reading.skip(kind, one_line(error))
            if kind == 'instruction':  # what it said is not known
                return Event(kind, received_ns, received_ns, '')
            return Event('cut', received_ns, received_ns, UNREADABLE) \
                if kind == 'command' else None
        reading.read[kind] += 1
        stamp_ns, moved_ns = stamps.of(kind, msg, received_ns)
        reading.stale += kind == 'image' and not stamps.is_new(stamp_ns)
        return Event(kind, received_ns, stamp_ns, value, moved_ns)

    def _new_reading(self, wanted) -> Reading:
        reading = Reading({kind: 0 for kind in KINDS if kind in wanted and self.topics[kind]},
                      notes=list(self._recording.notes))
        keys = {}
        for number, kind in self._kinds():
            if kind in wanted:
                channel = self._recording.channels[number]
                reading.stored[kind] += channel.stored
                keys.setdefault(kind, set()).add((channel.topic, channel.kind))
        for kind, found in keys.items():
            if all(key in self._recording.noted for key in found):
                reading.noted[kind] = sum(map(self._recording.noted.get, found))
        return reading

    def _kinds(self):
        """Yield (number, kind) of the channels of the chosen topics."""
        for number, channel in enumerate(self._recording.channels):
            for kind, topic in self.topics.items():
                if channel.topic == topic and _readable(channel, kind):
                    yield number, kind

    def _chosen(self, kinds):
        return [(number, self._recording.channels[number]) for number, kind in self._kinds()
                if kind in kinds]

    def _of(self, kind):
        return [channel for channel in self._recording.channels if _readable(channel, kind)]

    def _choose(self, kind, wanted):
        there = sorted({c.topic for c in self._of(kind)})
        if wanted:
            if wanted not in there:
                raise BagError(f'{self.path}: no {kind} topic {wanted!r}; it has '
                               f'{", ".join(there) or self._contents()}')
            return wanted
        if kind == 'instruction':
            there = [topic for topic in there if topic.rsplit('/', 1)[-1] == 'instruction']
        # Recorders register topics on which nothing comes, ours the operator's.
        heard = {c.topic for c in self._of(kind) if c.stored}
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
        found = sorted({f'{c.topic} ({c.kind or "no type"}'
                        f'{"" if c.encoding in DECODERS else f", {c.encoding}"})'
                        for c in self._recording.channels})
        more = f' and {len(found) - SHOWN} more' if len(found) > SHOWN else ''
        return ', '.join(found[:SHOWN]) + more or 'no topics at all'


def decode(msg, least: int = 0):
    """Return an image message's pixels, RGB uint8 (height, width, 3); `least` px suffice."""
    return compressed_to_rgb(msg, least) if hasattr(msg, 'format') else image_to_rgb(msg)


def _readable(channel, kind: str) -> bool:
    return channel.kind in KINDS[kind] and channel.encoding in DECODERS


def _message(raw: bytes, channel):
    """Return a message by the definition of its type that ROS has, whatever the file says."""
    from rosbags.typesys import Stores
    store, name = DECODERS[channel.encoding]
    return getattr(_store(Stores[store]), name)(raw, channel.kind)


@lru_cache
def _store(which):
    from rosbags.typesys import get_typestore
    return get_typestore(which)


def _value(kind: str, msg):
    """Return what an Event holds of a message."""
    if kind in ('command', 'odometry'):
        twist = getattr(msg, 'twist', msg)
        twist = getattr(twist, 'twist', twist)
        value = Command(twist.linear.x, twist.linear.y, twist.angular.z)
        if not all(map(math.isfinite, value)):
            raise ValueError('it is not finite')
        return value
    return msg.data if kind == 'instruction' else msg


class Stamps:
    """
    Stamps of messages, moved as the times of their receipt are.

    Where the clock of receipt was set, that of the stamps may have been set with it, or be
    another one: a message is as old as those before it.
    """

    def __init__(self):
        """Begin with times as they are."""
        self._moved_ns, self._step_ns = 0, 0
        self._ages, self._by = {}, {}
        self._newest_ns = None

    def begin(self, moved_ns: int) -> None:
        """Take by how much the times of the next messages are moved."""
        self._moved_ns, self._step_ns = moved_ns, moved_ns - self._moved_ns
        self._by = {}

    def of(self, kind: str, msg, received_ns: int) -> tuple[int, int]:
        """Return a message's stamp, ns, and by how much that is moved."""
        header = getattr(msg, 'header', None)
        stamp_ns = header.stamp.sec * NS + header.stamp.nanosec if header else 0
        if not stamp_ns:
            return received_ns, 0
        age_ns = received_ns - self._moved_ns - stamp_ns
        if kind not in self._by:
            older_ns = age_ns - self._ages.get(kind, age_ns)
            self._by[kind] = self._moved_ns + (older_ns if abs(older_ns) > abs(self._step_ns) / 2
                                               else 0)
        self._ages[kind] = age_ns
        return stamp_ns + self._by[kind], self._by[kind]

    def is_new(self, stamp_ns: int) -> bool:
        """Tell whether a stamp is newer than all that were asked for before."""
        if self._newest_ns is not None and stamp_ns <= self._newest_ns:
            return False
        self._newest_ns = stamp_ns
        return True
