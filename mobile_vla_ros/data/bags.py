"""Bags of ROS 1 and ROS 2 as camera frames, commands and instructions, in the order received."""

from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.deserialise import message_of, value_of
from mobile_vla_ros.data.reading import Reading
from mobile_vla_ros.data.stamps import Stamps
from mobile_vla_ros.data.storage import BagError, Channel
from mobile_vla_ros.data.storage.bag_files import BagFiles
from mobile_vla_ros.data.topics import choose_topics, DRIVING, is_readable, KINDS, last_part
from mobile_vla_ros.errors import one_line

UNREADABLE = 'a command that cannot be read'  # why there is a cut


class Event(NamedTuple):
    """
    What was received at `received_ns`.

    A `cut` stands among the commands. What comes after it does not follow what came before it;
    its value says why.
    """

    kind: str  # image, command, instruction, odometry or cut
    received_ns: int  # rises: after a cut it is moved to shortly after what came before
    stamp_ns: int  # of the message, received_ns if it has none; as old as before the cut
    value: Any  # an image message, a Command, a text; of odometry the velocity as a Command
    moved_ns: int = 0  # what was added to the stamp


class Bag:
    """One bag; use it in a `with` statement."""

    def __init__(self, path: Path | str, **topics: str | None) -> None:
        """
        Open the bag at `path`: a rosbag2 folder, an .mcap, .db3 or ROS 1 .bag file.

        :param topics: image, command, instruction, odometry: the topic to read; None: the only
            one of its type; for instructions the only one whose name ends in 'instruction'.
        :raises FileNotFoundError: if there is no bag at `path`.
        :raises BagError: if it cannot be read, or it is not clear which topic is meant.
        """
        import rosbags.typesys  # noqa: F401 (that it is missing shows here, not at a message)
        self.path = Path(path)
        if not self.path.exists():
            raise FileNotFoundError(f'no bag at {path}')
        self._files = BagFiles(self.path)
        try:
            self.topics = choose_topics(self.path, self._files.channels, topics)
        except BagError:
            self._files.close()
            raise
        self.reading = self._new_reading(KINDS)

    def __enter__(self) -> 'Bag':
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._files.close()

    def require(self, instruction: str | None, purpose: str) -> None:
        """
        Check that the bag shows driving to an instruction.

        :param instruction: given by the user instead of those recorded; None: none is.
        :param purpose: what the commands are for, such as 'to learn from'.
        :raises BagError: if no instruction is given or recorded, or no commands are recorded.
        """
        if instruction is None and self.topics['instruction'] is None:
            raise BagError(f'{self.path}: no instruction was recorded',
                           'give one with --instruction')
        if self.topics['command'] is None:
            raise BagError(f'{self.path}: no recorded commands (geometry_msgs Twist or '
                           f'TwistStamped) {purpose}')

    @cached_property
    def _indexed(self) -> BagFiles:
        """Return the files after the messages on the chosen topics were found in them."""
        try:
            self._files.index([number for number, _ in self._chosen(KINDS)])
        except Exception as error:  # whatever a damaged bag makes the parsers raise
            raise BagError(f'{self.path}: damaged ({one_line(error)})') from error
        return self._files

    @property
    def seconds(self) -> float:
        """Return how long the bag is, without the time in which nothing comes."""
        times, parts = self._indexed.times_ns, self._indexed.parts
        return (int(times[parts[-1].rows[-1]]) + parts[-1].moved_ns
                - int(times[parts[0].rows[0]])) / NS if parts else 0.0

    @property
    def compressed(self) -> bool:
        """Tell whether the camera's messages are CompressedImage."""
        return any(channel.type == KINDS['image'][1] for _, channel in self._chosen(('image',)))

    @property
    def info(self) -> dict[str, str]:
        """Return what a recorder noted beside the messages: scenario, distance and the like."""
        return self._files.info

    def find_topic(self, kind: str, name: str) -> str | None:
        """Return the topic of this kind, with messages on it, whose last part is `name`."""
        return next((channel.topic for channel in self._files.channels
                     if is_readable(channel, kind) and last_part(channel.topic) == name
                     and channel.stored), None)

    def events(self, wanted: Collection[str] = DRIVING, start_s: float = 0.0) -> Iterator[Event]:
        """
        Yield an Event for every message on the chosen topics of the kinds that are wanted.

        A message that cannot be read is left out and counted. A `cut` takes the place of such a
        command, and an empty text that of such an instruction. After the last event `reading`
        has the counts.

        :param start_s: seconds to leave out; the last instruction in them comes at their end.
        :raises BagError: if no image, or no command, can be read.
        """
        files = self._indexed
        reading = self._new_reading(wanted)
        kinds = {number: kind for number, kind in self._kinds() if kind in wanted}
        begin_ns: int | None = None
        instruction: Event | None = None  # the last one in the seconds that are left out
        stamps = Stamps()
        for part in files.parts:
            first = part.why
            stamps.begin(part.moved_ns)
            for place in part.rows.tolist():
                kind = kinds.get(int(files.channel_of[place]))
                if kind is None:
                    continue
                received_ns = int(files.times_ns[place]) + part.moved_ns
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
                    instruction = event._replace(received_ns=begin_ns)
                    continue
                if instruction:
                    yield instruction
                    instruction = None
                yield event
        reading.whole, self.reading = True, reading
        self._check_read(reading)

    def _event(self, kind: str, place: int, received_ns: int, stamps: Stamps,
               reading: Reading) -> Event | None:
        """Return the event of a message, or what stands in for one that cannot be read."""
        channel = self._files.channels[self._files.channel_of[place]]
        try:
            msg = message_of(self._files.read(place), channel)
            value = value_of(kind, msg)
        except Exception as error:  # whatever a damaged message makes the parsers raise
            reading.skip(kind, one_line(error))
            if kind == 'instruction':  # its words are not known
                return Event(kind, received_ns, received_ns, '')
            return Event('cut', received_ns, received_ns, UNREADABLE) \
                if kind == 'command' else None
        reading.read[kind] += 1
        stamp_ns, moved_ns = stamps.of(kind, msg, received_ns)
        reading.stale += kind == 'image' and not stamps.is_new(stamp_ns)
        return Event(kind, received_ns, stamp_ns, value, moved_ns)

    def _check_read(self, reading: Reading) -> None:
        """Raise a BagError if no image, or no command, could be read."""
        for kind in ('image', 'command'):
            why = reading.skipped.get(kind)
            if why and not reading.read[kind]:
                raise BagError(f'{self.path}: none of its {reading.left_out(kind)} {kind} '
                               f'messages can be read ({next(iter(why))})',
                               f'name another topic with --{kind}-topic, or leave it out')

    def _new_reading(self, wanted: Collection[str]) -> Reading:
        """Return a Reading of the chosen topics with what the files say of them."""
        reading = Reading({kind: 0 for kind in KINDS if kind in wanted and self.topics[kind]},
                          notes=list(self._files.notes))
        described: dict[str, set[tuple[str, str]]] = {}
        for kind in reading.stored:
            for _, channel in self._chosen((kind,)):
                reading.stored[kind] += channel.stored
                described.setdefault(kind, set()).add((channel.topic, channel.type))
        for kind, keys in described.items():
            if keys <= self._files.noted.keys():
                reading.noted[kind] = sum(self._files.noted[key] for key in keys)
        return reading

    def _kinds(self) -> Iterator[tuple[int, str]]:
        """Yield (number, kind) of the channels of the chosen topics."""
        for number, channel in enumerate(self._files.channels):
            for kind, topic in self.topics.items():
                if channel.topic == topic and is_readable(channel, kind):
                    yield number, kind

    def _chosen(self, kinds: Iterable[str]) -> list[tuple[int, Channel]]:
        return [(number, self._files.channels[number]) for number, kind in self._kinds()
                if kind in kinds]
