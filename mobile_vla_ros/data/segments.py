"""What is learned from a bag: pictures, each with the command that followed it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.data.bags import Event
from mobile_vla_ros.data.pairing import Unanswered
from mobile_vla_ros.errors import MessageError
from mobile_vla_ros.instruction import normalise

GAP_S = 1.0  # without pictures, after which another episode begins
IDLE = 0.02  # m/s, rad/s: below it on every axis nobody drives
STANDING_KEPT_S = 1.0  # of standing still at an episode's end, which shows how to stop


@dataclass
class Segment:
    """One instruction carried out: pictures, each with its Command and the time received, ns."""

    instruction: str
    images: list[Any] = field(default_factory=list)  # what `read` made of each
    commands: list[Command] = field(default_factory=list)
    times: list[int] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Return the time from the first picture to the last."""
        return (self.times[-1] - self.times[0]) / NS if self.times else 0.0

    def append(self, received_ns: int, picture: Any, command: Command) -> None:
        """Add a picture with the command that answers it."""
        self.times.append(received_ns)
        self.images.append(picture)
        self.commands.append(command)

    def paced(self, period_s: float) -> 'Segment':
        """
        Return it with its pictures a period apart, which is how they are learned from.

        A picture stands for several periods if the next one comes late. A policy that drives by
        a slow camera sees the same.
        """
        if len(self.times) < 2 or self.seconds <= 1.25 * period_s * (len(self.times) - 1):
            return self
        stamps = np.array(self.times)
        grid = stamps[0] + np.arange(1 + round(self.seconds / period_s)) * period_s * NS
        rows = np.searchsorted(stamps, grid + period_s * NS / 2, side='right') - 1
        return Segment(self.instruction, [self.images[row] for row in rows],
                       [self.commands[row] for row in rows], [int(ns) for ns in grid])

    def trim(self, period_s: float, standing_s: float = STANDING_KEPT_S) -> 'Segment':
        """Return it without the standing at its start, and with `standing_s` of it at its end."""
        if not self.commands:
            return Segment(self.instruction)
        moving = np.flatnonzero((np.abs(self.commands) > IDLE).any(axis=1))
        if not len(moving):
            return Segment(self.instruction)
        kept = round(standing_s / period_s) if period_s else len(self.commands)
        end = moving[-1] + 1 + kept
        part = slice(int(moving[0]), int(end))
        return Segment(self.instruction, self.images[part], self.commands[part],
                       self.times[part])


def segments(events: Iterable[Event], read: Callable[[Any], Any], period_s: float,
             instruction: str | None = None,
             standing_s: float = STANDING_KEPT_S) -> Iterator[Segment]:
    """
    Yield a trimmed Segment for every instruction; one in which nobody drives is left out.

    Another Segment begins at a cut, and where no command or no picture comes for a while.

    :param events: of a Bag, in the order received.
    :param read: returns what is kept of an image message; it may raise a MessageError.
    :param period_s: between pictures; 0: every picture, and all of the standing at the end.
    :param instruction: used instead of those recorded.
    :param standing_s: how much of a stop is kept, s.
    """
    now = Segment(normalise(instruction or ''))
    unanswered: Unanswered[Any] = Unanswered()
    due_ns, last_ns = 0, None  # when the next picture is wanted, when the last one came
    for event in events:
        if event.kind == 'instruction' and instruction is None:
            yield from _finished(now, period_s, standing_s)
            now, unanswered, due_ns = Segment(normalise(event.value)), Unanswered(), 0
        elif event.kind == 'command':
            if unanswered.drop_late(event.received_ns):
                yield from _finished(now, period_s, standing_s)
                now = Segment(now.instruction)
            for received_ns, picture in unanswered.take():
                now.append(received_ns, picture, event.value)
        elif event.kind == 'cut':
            yield from _finished(now, period_s, standing_s)
            now, unanswered, due_ns, last_ns = Segment(now.instruction), Unanswered(), 0, None
        elif event.kind == 'image' and event.received_ns >= due_ns:
            if last_ns and event.received_ns - last_ns > GAP_S * NS:
                yield from _finished(now, period_s, standing_s)
                now, unanswered = Segment(now.instruction), Unanswered()
            try:
                unanswered.add(event.received_ns, read(event.value))
            except MessageError:
                continue  # the next picture stands in for it
            # On a grid of its own: a late picture must not shift those after it.
            late = event.received_ns - due_ns > period_s * NS
            due_ns = (event.received_ns if late else due_ns) + round(period_s * NS)
            last_ns = event.received_ns
    yield from _finished(now, period_s, standing_s)


def _finished(segment: Segment, period_s: float, standing_s: float) -> Iterator[Segment]:
    trimmed = segment.trim(period_s, standing_s)
    if trimmed.instruction and trimmed.commands:
        yield trimmed
