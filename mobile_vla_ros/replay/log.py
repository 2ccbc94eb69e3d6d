"""What is kept of one replayed recording: a few hundred bytes a second and some pictures."""

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.data.reading import Reading
from mobile_vla_ros.images.tally import Tally

WORST = 6  # moments kept of a recording
APART_S = 1.0  # at least, between two of them
ERROR = 0.1  # m/s, rad/s: a command that is further off on some axis is an error
REASONS = list(Reason)
COLUMNS = 12  # of a frame's row: seconds, age, policy time, and three commands


@dataclass(eq=False)
class Moment:
    """A frame at which policy and driver differ."""

    seconds: float  # since the first message
    predicted: Command
    recorded: Command
    picture: bytes = b''  # JPEG

    @property
    def difference(self) -> float:
        """Return the sum over the axes of how far the two commands are apart."""
        return float(np.abs(np.subtract(self.predicted, self.recorded)).sum())

    @property
    def wrong(self) -> list[bool]:
        """Return for each axis whether the commands are too far apart to pass for the same."""
        return (np.abs(np.subtract(self.predicted, self.recorded)) > ERROR).tolist()


@dataclass
class ReplayLog:
    """One replayed recording; (n, 3) arrays are in AXES order, a row for a compared frame."""

    name: str
    instruction: str
    seconds: float
    info: dict[str, str] = field(default_factory=dict)  # what its recorder noted
    frames: int = 0
    tally: Tally = field(default_factory=Tally)  # of the pictures
    reading: Reading = field(default_factory=Reading)  # of the messages
    unused: Counter[str] = field(default_factory=Counter)  # why frames are not compared
    zero_ns: int = 0  # receive time from which seconds are counted
    rewordings: dict[str, str | None] = field(default_factory=dict)  # of the instruction
    worst: list[Moment] = field(default_factory=list)  # errors only, by time
    _stamps: array = field(default_factory=lambda: array('q'))
    _rows: array = field(default_factory=lambda: array('d'))
    _reworded: dict[str, array] = field(default_factory=dict)  # kind -> (given, reworded) pairs
    _sent: array = field(default_factory=lambda: array('d'))

    def add_frame(self, received_ns: int, stamp_ns: int, took_ms: float, predicted: Command,
                  recorded: Command, before: Command) -> None:
        """
        Keep a compared frame.

        :param took_ms: the policy's time for it.
        :param recorded: the driver's command that came after it.
        :param before: the driver's last command that came before it.
        """
        self._stamps.append(stamp_ns)
        self._rows.extend(((received_ns - self.zero_ns) / NS, (received_ns - stamp_ns) / NS,
                           took_ms, *predicted, *recorded, *before))

    def add_rewording(self, kind: str, given: Command, reworded: Command) -> None:
        """Keep the policy's commands for the given words and for other ones, at one frame."""
        self._reworded.setdefault(kind, array('d')).extend((*given, *reworded))

    def add_command(self, ns: int, command: Command, reason: Reason) -> None:
        """Keep a command that left the node."""
        self._sent.extend(((ns - self.zero_ns) / NS, *command, REASONS.index(reason)))

    def add_moment(self, moment: Moment, picture: Callable[[], bytes]) -> None:
        """Keep an error with its `picture()`, if it is among the worst that are apart in time."""
        if not any(moment.wrong):
            return
        near = [m for m in self.worst if abs(m.seconds - moment.seconds) <= APART_S]
        if any(m.difference >= moment.difference for m in near):
            return
        others = [m for m in self.worst if m not in near]
        if len(others) == WORST:
            least = min(others, key=lambda m: m.difference)
            if least.difference >= moment.difference:
                return
            others.remove(least)
        moment.picture = picture()
        self.worst = sorted([*others, moment], key=lambda m: m.seconds)

    @property
    def coverage(self) -> str:
        """Say how many of the frames are compared, and why the others are not."""
        why = ', '.join(f'{count} {words}' for words, count in self.unused.most_common())
        return f'{len(self._stamps)} of {self.frames} frames are compared' \
            + (f' ({why})' if why else '')

    @property
    def stamps(self) -> np.ndarray:
        """Return the compared frames' stamps, ns."""
        return np.array(self._stamps, np.int64)

    @property
    def seconds_at(self) -> np.ndarray:
        """Return the compared frames' times since the first message, s."""
        return self._columns(0)

    @property
    def ages_s(self) -> np.ndarray:
        """Return how old frames were when they came: receipt minus stamp, s."""
        return self._columns(1)

    @property
    def took_ms(self) -> np.ndarray:
        """Return the policy's time for each frame, ms."""
        return self._columns(2)

    @property
    def predicted(self) -> np.ndarray:
        """Return the policy's commands (n, 3)."""
        return self._columns(slice(3, 6))

    @property
    def recorded(self) -> np.ndarray:
        """Return the driver's commands that came after the frames (n, 3)."""
        return self._columns(slice(6, 9))

    @property
    def before(self) -> np.ndarray:
        """Return the driver's last commands before the frames (n, 3)."""
        return self._columns(slice(9, 12))

    @property
    def sent(self) -> np.ndarray:
        """Return what left the node (n, 5): seconds, command, index in REASONS."""
        return np.array(self._sent).reshape(-1, 5)

    def reworded(self, kind: str) -> np.ndarray:
        """Return (n, 2, 3): commands for the given words and for other ones, frame by frame."""
        return np.array(self._reworded.get(kind, ())).reshape(-1, 2, 3)

    def stops(self) -> list[tuple[float, float, Reason]]:
        """Return (from s, to s, Reason) of every time that zeros were sent, by reason."""
        sent = self.sent
        if not len(sent):
            return []
        edges = np.flatnonzero(np.diff(sent[:, 4])) + 1
        stops: list[tuple[float, float, Reason]] = []
        for first, last in zip([0, *edges], [*edges, len(sent)]):
            reason = REASONS[int(sent[first, 4])]
            if reason is not Reason.DRIVING:
                stops.append((sent[first, 0], sent[min(last, len(sent) - 1), 0], reason))
        return stops

    def replace_predictions(self, predicted: np.ndarray) -> None:
        """Put commands (n, 3) in the place of the policy's; forget what was sent."""
        rows = np.array(self._rows).reshape(-1, COLUMNS)
        rows[:, 3:6] = predicted
        self._rows, self._sent = array('d', rows.tobytes()), array('d')

    def _columns(self, which: int | slice) -> np.ndarray:
        return np.array(self._rows).reshape(-1, COLUMNS)[:, which]
