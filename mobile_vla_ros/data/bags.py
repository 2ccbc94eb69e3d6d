"""Bags of ROS 1 and ROS 2 as camera frames, commands and instructions, in the order received."""

from functools import cached_property, lru_cache
import math
from pathlib import Path
from typing import NamedTuple

from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.data.storage import BagError, line
from mobile_vla_ros.data.storage.files import recordings_in, stored_in
from mobile_vla_ros.data.storage.metadata import NAME, read_metadata
from mobile_vla_ros.data.storage.recording import Recording
from mobile_vla_ros.data.tally import Tally
from mobile_vla_ros.images import compressed_to_rgb, image_to_rgb

KINDS = {
    'image': ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'),
    'command': ('geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped'),
    'instruction': ('std_msgs/msg/String',),
    'odometry': ('nav_msgs/msg/Odometry',),
}
DRIVING = ('image', 'command', 'instruction')
DECODERS = {'cdr': ('ROS2_HUMBLE', 'deserialize_cdr'), 'ros1': ('ROS1_NOETIC', 'deserialize_ros1')}
ANOTHER_S = 10.0  # between stamp and receipt, from which on they are of two clocks
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

    Of the kind `cut` is what follows no more on what came before; its value says why.
    """

    kind: str
    received_ns: int  # rises: after a cut it is moved to shortly after what came before
    stamp_ns: int  # the message's own, received_ns where it has none; moved with it
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
        self.path = Path(path)
        if not self.path.exists():
            raise FileNotFoundError(f'no bag at {path}')
        self._recording = Recording(self.path)
        try:
            self.topics = {kind: self._choose(kind, topics.get(kind)) for kind in KINDS}
            if self.topics['image'] is None:
                raise BagError(f'{path}: no camera in this bag (it needs '
                               f'{" or ".join(KINDS["image"])}); it has {self._contents()}')
            self.tally = self._new_tally(KINDS)
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
            raise BagError(f'{self.path}: damaged ({line(error)})') from error
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

        A message that cannot be read is left out and counted in `tally`; where that is a
        command, a `cut` comes in its place, and for an instruction an empty one.

        :param start_s: seconds to leave out; the last instruction in them is said at their end.
        :raises BagError: where no image, or no command, can be read.
        """
        recording = self._indexed
        self.tally = tally = self._new_tally(wanted)
        kinds = {number: kind for number, kind in self._kinds() if kind in wanted}
        begin_ns, said = None, None
        for part in recording.parts:
            first = part.why
            for place in part.rows.tolist():
                kind = kinds.get(int(recording.of[place]))
                if kind is None:
                    continue
                received_ns = int(recording.times_ns[place]) + part.moved_ns
                if begin_ns is None:
                    begin_ns = received_ns + round(start_s * NS)
                if first:
                    tally.cuts.append(part.why)
                    if received_ns >= begin_ns:
                        yield Event('cut', received_ns, received_ns, part.why)
                    first = ''
                if received_ns < begin_ns and kind != 'instruction':
                    tally.read[kind] += 1
                    continue
                event = self._event(kind, place, received_ns, part.moved_ns)
                if event is None:
                    continue
                if received_ns < begin_ns:
                    said = event._replace(received_ns=begin_ns)
                    continue
                if said:
                    yield said
                    said = None
                yield event
        tally.whole = True
        for kind in ('image', 'command'):
            why = tally.skipped.get(kind)
            if why and not tally.read[kind]:
                raise BagError(f'{self.path}: none of its {tally.left_out(kind)} {kind} messages '
                               f'can be read ({next(iter(why))})',
                               f'name another topic with --{kind}-topic, or leave it out')

    def named(self, kind: str, name: str) -> str | None:
        """Return the topic of this kind, with messages on it, whose last part is `name`."""
        return next((c.topic for c in self._of(kind)
                     if c.topic.rsplit('/', 1)[-1] == name and c.stored), None)

    def _event(self, kind, place, received_ns, moved_ns) -> Event | None:
        """Return the event of a message, or what stands in for one that cannot be read."""
        channel = self._recording.channels[self._recording.of[place]]
        try:
            event = _event(kind, received_ns, moved_ns,
                           _message(self._recording.read(place), channel))
        except Exception as error:  # whatever a damaged message makes the parsers raise
            self.tally.skip(kind, line(error))
            if kind == 'instruction':  # what it said is not known
                return Event(kind, received_ns, received_ns, '', moved_ns)
            return Event('cut', received_ns, received_ns, f'a {kind} that cannot be read',
                         moved_ns) if kind == 'command' else None
        self.tally.read[kind] += 1
        return event

    def _new_tally(self, wanted) -> Tally:
        tally = Tally({kind: 0 for kind in KINDS if kind in wanted and self.topics[kind]},
                      notes=list(self._recording.notes))
        keys = {}
        for number, kind in self._kinds():
            if kind in wanted:
                channel = self._recording.channels[number]
                tally.stored[kind] += channel.stored
                keys.setdefault(kind, set()).add((channel.topic, channel.kind))
        for kind, found in keys.items():
            if all(key in self._recording.noted for key in found):
                tally.noted[kind] = sum(map(self._recording.noted.get, found))
        return tally

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


def _event(kind, received_ns, moved_ns, msg) -> Event:
    header = getattr(msg, 'header', None)
    stamp_ns = header.stamp.sec * NS + header.stamp.nanosec if header else 0
    # Stamps of another clock than that of receipt were not set with it.
    if not stamp_ns or abs(received_ns - moved_ns - stamp_ns) < ANOTHER_S * NS:
        stamp_ns = stamp_ns + moved_ns if stamp_ns else received_ns
    else:
        moved_ns = 0
    value = msg
    if kind in ('command', 'odometry'):
        twist = getattr(msg, 'twist', msg)
        twist = getattr(twist, 'twist', twist)
        value = Command(twist.linear.x, twist.linear.y, twist.angular.z)
        if not all(map(math.isfinite, value)):
            raise ValueError('it is not finite')
    elif kind == 'instruction':
        value = msg.data
    return Event(kind, received_ns, stamp_ns, value, moved_ns)
