"""What is measured in a recording, for who wants to know whether it is fit to learn from."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
import json
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mobile_vla_ros.contract import AXES, NS
from mobile_vla_ros.data.bags import Bag, Event
from mobile_vla_ros.data.base_response import held, measure, Response
from mobile_vla_ros.data.reading import Reading
from mobile_vla_ros.data.segments import IDLE
from mobile_vla_ros.data.topics import DRIVING
from mobile_vla_ros.errors import MessageError
from mobile_vla_ros.images.decode import check, decode
from mobile_vla_ros.images.tally import Tally
from mobile_vla_ros.instruction import normalise

GAP_S = 0.5
THUMBNAIL = 160  # px, the width of a recording's picture


@dataclass
class Checkup:
    """What was found in one recording."""

    name: str
    seconds: float = 0.0
    frames: int = 0
    tally: Tally = field(default_factory=Tally)  # of its pictures
    repeated: int = 0  # frames equal to the one before
    reading: Reading = field(default_factory=Reading)
    noted: list[str] = field(default_factory=list)  # the faults that its recorder noted
    gaps: list[tuple[float, float]] = field(default_factory=list)  # (s since the start, length s)
    frame_hz: float = 0.0
    command_hz: float = 0.0
    lag_s: float = 0.0  # median from a picture to the command after it
    exposure: list[float] = field(default_factory=list)  # mean grey level of some frames
    commands: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))
    instructions: list[str] = field(default_factory=list)
    response: dict[str, Response] = field(default_factory=dict)  # by axis, if there is odometry
    held_s: dict[str, float] = field(default_factory=dict)  # by axis: told to move, hardly moving
    scenario: str = ''  # labels by whoever recorded
    distance: str = ''
    refused: str = ''  # why nothing was found
    remedy: str = 'leave it out'  # if it was refused
    path: str = ''
    picture: bytes = b''  # JPEG of a frame about its middle, small; empty if none can be read

    @property
    def idle_share(self) -> float:
        """Return the share of commands in which nothing moves."""
        return float((np.abs(self.commands) < IDLE).all(axis=1).mean()) \
            if len(self.commands) else 0.0

    @property
    def against(self) -> list[str]:
        """Return the axes whose odometry goes the other way than the command."""
        return [axis for axis, answer in self.response.items() if answer.correlation < 0]

    @property
    def delay_s(self) -> float:
        """Return how long the slowest axis takes to follow a command; 0 if it is not known."""
        return max((answer.delay_s for answer in self.response.values()), default=0.0)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON; of the commands only the mean and the spread of each axis."""
        shown = {name: getattr(self, name) for name in (
            'name', 'path', 'seconds', 'frames', 'repeated', 'frame_hz', 'command_hz',
            'lag_s', 'idle_share', 'instructions', 'scenario', 'distance', 'refused', 'noted')}
        return {**shown, 'messages': self.reading.as_dict(), 'held_s': self.held_s,
                'unreadable': self.tally.unreadable, 'why_unreadable': self.tally.words,
                'assumed': self.tally.assumption, 'gaps': [list(gap) for gap in self.gaps],
                'response': {axis: answer._asdict() for axis, answer in self.response.items()},
                'exposure': round(float(np.mean(self.exposure)), 1) if self.exposure else None,
                'mean_command': _by_axis(self.commands.mean(0)) if len(self.commands) else None,
                'spread': _by_axis(self.commands.std(0)) if len(self.commands) else None}


def _by_axis(values: npt.NDArray[np.float64]) -> dict[str, float]:
    return {axis: round(float(value), 4) for axis, value in zip(AXES, values)}


def examine(bag: Bag, look_every: int = 5) -> Checkup:
    """
    Look through a recording once.

    :param look_every: decode every n-th frame only; all are counted.
    :raises BagError: if it is damaged.
    """
    checkup = Checkup(bag.path.name, round(bag.seconds, 3), scenario=bag.info.get('scenario', ''),
                      distance=bag.info.get('distance', ''), noted=noted(bag.info),
                      path=str(bag.path))
    frames = _Frames(checkup, look_every, bag.reading.stored.get('image', 0))
    commands: list[tuple[float, ...]] = []  # ns, m/s, m/s, rad/s
    odometry: list[tuple[float, ...]] = []
    waiting: list[int] = []  # pictures since the last command, ns
    lags: list[float] = []
    cuts: list[int] = []
    for event in bag.events((*DRIVING, 'odometry')):
        at = event.received_ns
        if event.kind == 'instruction':
            text = normalise(event.value)
            if text and text not in checkup.instructions:
                checkup.instructions.append(text)
        elif event.kind == 'command':
            lags += [(at - seen) / NS for seen in waiting]
            waiting = []
            commands.append((at, *event.value))
        elif event.kind == 'odometry':
            odometry.append((at, *event.value))
        elif event.kind == 'cut':
            waiting = []
            cuts.append(at)
        else:
            waiting.append(at)
            frames.take(event)
    checkup.reading = bag.reading
    frames.finish(cuts)
    checkup.commands = np.array(commands)[:, 1:].astype(float) if commands else np.zeros((0, 3))
    driven = [np.array(rows, float).reshape(-1, 4) for rows in (commands, odometry)]
    checkup.response, checkup.held_s = measure(*driven), held(*driven)
    checkup.command_hz, _ = _rhythm([row[0] for row in commands])
    checkup.lag_s = round(float(np.median(lags)), 4) if lags else 0.0
    return checkup


class _Frames:
    """Looks at the frames of a recording and notes in a checkup what it finds."""

    def __init__(self, checkup: Checkup, look_every: int, count: int) -> None:
        self._checkup, self._look_every, self._half = checkup, look_every, count / 2
        self._times_ns: list[int] = []
        self._before: int | None = None  # hash of the frame before
        self._middle: np.ndarray[Any, Any] | None = None  # RGB of a frame about the middle

    def take(self, event: Event) -> None:
        checkup, msg = self._checkup, event.value
        self._times_ns.append(event.received_ns)
        now = hash(bytes(msg.data))
        checkup.repeated += self._before == now
        self._before = now
        with suppress(MessageError):  # the tally counts it
            checkup.tally.read(check, msg)
            if len(self._times_ns) % self._look_every == 1:
                rgb = _decoded(msg, checkup.tally)
                checkup.exposure.append(float(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).mean()))
                if self._middle is None or len(self._times_ns) <= self._half:
                    self._middle = rgb

    def finish(self, cuts: list[int]) -> None:
        self._checkup.frames = len(self._times_ns)
        self._checkup.frame_hz, self._checkup.gaps = _rhythm(self._times_ns, cuts)
        if self._middle is not None:
            self._checkup.picture = _thumbnail(self._middle)


def _decoded(msg: Any, tally: Tally) -> npt.NDArray[np.uint8]:
    try:
        return decode(msg)
    except MessageError as error:
        tally.add(error)
        raise


def _thumbnail(rgb: npt.NDArray[np.uint8]) -> bytes:
    """Return RGB uint8 (height, width, 3) as a small JPEG."""
    size = THUMBNAIL, max(1, round(rgb.shape[0] * THUMBNAIL / rgb.shape[1]))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode('.jpg', small[..., ::-1])[1].tobytes()


def noted(info: dict[str, str]) -> list[str]:
    """Return in words the faults that the recorder of an episode noted, each once."""
    try:
        troubles = [str(trouble) for trouble in json.loads(info.get('troubles', '[]'))]
    except (ValueError, TypeError):
        troubles = [info['troubles']]
    out = [info['error']] if info.get('error') else []
    for key, sign, words in (('dropped', 'dropped', '{} messages dropped'),
                             ('clock_jumps', 'clock was set', 'the clock was set {} times')):
        count = info.get(key, '0')
        if count != '0':
            troubles = [trouble for trouble in troubles if sign not in trouble]
            out.append(words.format(count))
    return list(dict.fromkeys(out + troubles))


def _rhythm(times_ns: Sequence[float],
            cuts: Sequence[int] = ()) -> tuple[float, list[tuple[float, float]]]:
    """Return the rate, Hz, by the median distance, and the gaps; one with a cut in it is none."""
    if len(times_ns) < 2:
        return 0.0, []
    steps = np.diff(times_ns) / NS
    middle = float(np.median(steps))
    gaps = [(round((times_ns[i] - times_ns[0]) / NS, 3), round(float(steps[i]), 3))
            for i in np.flatnonzero(steps > max(GAP_S, 3 * middle)).tolist()
            if not any(times_ns[i] < cut <= times_ns[i + 1] for cut in cuts)]
    return round(1 / middle, 2) if middle else 0.0, gaps
