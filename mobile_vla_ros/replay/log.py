"""What is kept of one replayed recording: some hundred bytes a second, and a few pictures."""

from array import array
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.control.guard import Reason
from mobile_vla_ros.data.reading import Reading
from mobile_vla_ros.images.tally import Tally

WORST = 6  # moments a recording
APART_S = 1.0  # between two of them
REASONS = list(Reason)


@dataclass
class Drive:
    """One replayed recording; (n, 3) arrays are in AXES order, a row a compared frame."""

    name: str
    instruction: str
    seconds: float
    info: dict = field(default_factory=dict)  # what its recorder noted
    frames: int = 0
    tally: Tally = field(default_factory=Tally)  # of the pictures
    reading: Reading = field(default_factory=Reading)  # of the messages
    unused: Counter = field(default_factory=Counter)  # why frames are not compared
    zero_ns: int = 0  # receive time from which seconds are counted
    reworded: dict = field(default_factory=dict)  # rewordings of the instruction
    worst: list = field(default_factory=list)  # Moments, by time
    _stamps: array = field(default_factory=lambda: array('q'))
    _rows: array = field(default_factory=lambda: array('d'))
    _answers: dict = field(default_factory=dict)  # kind -> array of (predicted, answer)
    _sent: array = field(default_factory=lambda: array('d'))

    def compare(self, ns, stamp_ns, took_ms, predicted, recorded, before):
        """Keep a frame's row: what the policy says, what was driven then and just before."""
        self._stamps.append(stamp_ns)
        self._rows.extend(((ns - self.zero_ns) / NS, (ns - stamp_ns) / NS, took_ms, *predicted,
                           *recorded, *before))

    def answer(self, kind: str, predicted, answer):
        """Keep what the policy says to other words, beside what it says to the given ones."""
        self._answers.setdefault(kind, array('d')).extend((*predicted, *answer))

    def send(self, ns: int, command: Command, reason: Reason):
        """Keep what left the node."""
        self._sent.extend(((ns - self.zero_ns) / NS, *command, REASONS.index(reason)))

    def remember(self, moment: 'Moment', picture):
        """Keep a moment and `picture()` if it is among the worst that are apart."""
        near = [m for m in self.worst if abs(m.seconds - moment.seconds) <= APART_S]
        if any(m.error >= moment.error for m in near):
            return
        rest = [m for m in self.worst if all(m is not other for other in near)]
        if len(rest) == WORST:
            least = min(rest, key=lambda m: m.error)
            if least.error >= moment.error:
                return
            rest.remove(least)
        moment.picture = picture()
        self.worst = sorted([*rest, moment], key=lambda m: m.seconds)

    @property
    def used(self) -> str:
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
        """Return the compared frames' times since the first message."""
        return self._columns(0)

    @property
    def ages_s(self) -> np.ndarray:
        """Return how old frames were when they came: receipt less stamp."""
        return self._columns(1)

    @property
    def took_ms(self) -> np.ndarray:
        """Return the policy's time for each frame."""
        return self._columns(2)

    @property
    def predicted(self) -> np.ndarray:
        """Return the policy's commands (n, 3)."""
        return self._columns(slice(3, 6))

    @property
    def recorded(self) -> np.ndarray:
        """Return the commands that came after the frames (n, 3)."""
        return self._columns(slice(6, 9))

    @property
    def before(self) -> np.ndarray:
        """Return the last commands before the frames (n, 3)."""
        return self._columns(slice(9, 12))

    @property
    def sent(self) -> np.ndarray:
        """Return what left the node (n, 5): seconds, command, index in REASONS."""
        return np.array(self._sent).reshape(-1, 5)

    def answers(self, kind: str) -> np.ndarray:
        """Return (n, 2, 3): commands for the given words and for others, frame by frame."""
        return np.array(self._answers.get(kind, ())).reshape(-1, 2, 3)

    def stops(self) -> list[tuple]:
        """Return (from s, to s, Reason) of every time that zeros were sent, by reason."""
        sent, found = self.sent, []
        edges = np.flatnonzero(np.diff(sent[:, 4])) + 1
        for first, last in zip([0, *edges], [*edges, len(sent)]):
            reason = REASONS[int(sent[first, 4])] if len(sent) else Reason.DRIVING
            if reason is not Reason.DRIVING:
                found.append((sent[first, 0], sent[min(last, len(sent) - 1), 0], reason))
        return found

    def replace(self, predicted: np.ndarray):
        """Put commands (n, 3) in the place of the policy's; forget what was sent."""
        rows = np.array(self._rows).reshape(-1, 12)
        rows[:, 3:6] = predicted
        self._rows, self._sent = array('d', rows.tobytes()), array('d')

    def _columns(self, which):
        return np.array(self._rows).reshape(-1, 12)[:, which]


@dataclass(eq=False)
class Moment:
    """A frame at which policy and driver differ."""

    error: float  # summed over the axes
    seconds: float
    predicted: Command
    recorded: Command
    picture: np.ndarray = None  # small RGB
