"""
Drive a recording through the deployed pipeline: what it would have driven, beside the driver.

The parts are those of the drive node: decoding, policy, Guard and Pace. Time is the bag's own.
A plan takes effect when its frame comes, as on a machine that computes in no time.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from functools import partial
import time
from typing import Any, NamedTuple

import numpy as np

from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.control.offline_pilot import OfflinePilot
from mobile_vla_ros.data.bags import Bag, Event, UNREADABLE
from mobile_vla_ros.data.pairing import PAIRED_S, Unanswered
from mobile_vla_ros.images.decode import decode, MessageError
from mobile_vla_ros.images.tally import Tally
from mobile_vla_ros.inference.policy import Policy
from mobile_vla_ros.instruction import normalise
from mobile_vla_ros.preprocessing import IMAGE, preprocess
from mobile_vla_ros.replay.log import Moment, ReplayLog
from mobile_vla_ros.replay.prefetch import prefetch
from mobile_vla_ros.replay.rewording_probe import RewordingProbe

# Why a frame is not compared:
LATE = f'without a command within {PAIRED_S} s'
BAD = 'with a command that cannot be read'
STALE = 'with a stamp that is not newer than the one before'
UNANSWERED = 'not answered live'
NO_INSTRUCTION = 'without an instruction'
NO_PICTURE = 'unreadable'
NO_PLAN = 'without a plan of the policy'
THUMBNAIL = 320  # px, the width of a moment's picture


def replay(bag: Bag, policy: Policy, instruction: str | None = None, start_s: float = 0.0,
           only: Collection[int] | None = None, **settings: Any) -> ReplayLog:
    """
    Replay one bag.

    :param instruction: given at the start, instead of what was recorded.
    :param start_s: seconds at the beginning to leave out.
    :param only: stamps (ns) of the frames that the node received; None: all.
    :param settings: rate, image_timeout and limits of the drive node.
    :raises ValueError: if there is no instruction, or no command to compare with.
    """
    bag.require(instruction, 'to compare with')
    log = ReplayLog(bag.path.name, normalise(instruction or ''), bag.seconds - start_s, bag.info)
    run = None
    for event, rgb, image in prefetch(_decoded(bag.events(start_s=start_s), log.tally)):
        if run is None:
            run = _Run(log, policy, event.received_ns, settings)
        run.advance(event.received_ns)
        if event.kind == 'instruction' and instruction is None:
            run.on_instruction(normalise(event.value), event.received_ns)
        elif event.kind == 'command':
            run.on_command(event.value)
        elif event.kind == 'cut':
            run.drop_waiting(BAD if event.value == UNREADABLE else LATE)
        elif event.kind == 'image':
            log.frames += 1
            if only is not None and event.stamp_ns not in only:
                log.unused[UNANSWERED] += 1
            else:
                run.on_frame(event, rgb, image)
    if run:
        run.drop_waiting(LATE)
    log.unused += Counter()  # drops the reasons that no frame has
    log.reading = bag.reading
    if not len(log.stamps):
        details = '; '.join([log.coverage, *log.reading.words()])
        raise ValueError(f'{bag.path}: ' + log.tally.reason(
            f'none of {log.frames} frames has an instruction and a command within {PAIRED_S} s '
            f'after it: {details}'))
    return log


class _Planned(NamedTuple):
    """A frame that has a plan and waits for the driver's next command."""

    stamp_ns: int
    took_ms: float
    predicted: Command
    before: Command
    rgb: np.ndarray


class _Run:
    """One recording on its way through the pipeline."""

    def __init__(self, log: ReplayLog, policy: Policy, now_ns: int, settings: dict[str, Any]):
        log.zero_ns = now_ns
        policy.reset()
        self._log = log
        self._probe = RewordingProbe(log, policy)
        self._pilot = OfflinePilot(policy, now_ns, log.add_command, **settings)
        self._unanswered: Unanswered[_Planned] = Unanswered()
        self._last_command = Command()
        self._newest_ns: int | None = None
        if log.instruction:
            self.on_instruction(log.instruction, now_ns)

    def advance(self, now_ns: int) -> None:
        """Give up the frames that have waited for a command too long."""
        self._log.unused[LATE] += self._unanswered.drop_late(now_ns)

    def on_instruction(self, text: str, now_ns: int) -> None:
        self._log.instruction = text
        self._pilot.on_instruction(text, now_ns)
        self._probe.instruct(text)

    def on_command(self, recorded: Command) -> None:
        """Compare the driver's command with the plans of the frames that wait for it."""
        for received_ns, frame in self._unanswered.take():
            self._log.add_frame(received_ns, frame.stamp_ns, frame.took_ms,
                                frame.predicted, recorded, frame.before)
            moment = Moment((received_ns - self._log.zero_ns) / NS, frame.predicted,
                            recorded)
            self._log.add_moment(moment, partial(_picture, frame.rgb, frame.predicted, recorded))
        self._last_command = recorded

    def drop_waiting(self, why: str) -> None:
        """Compare the frames that wait with nothing."""
        self._log.unused[why] += len(self._unanswered.take())

    def on_frame(self, event: Event, rgb: np.ndarray | None, image: np.ndarray | None) -> None:
        """Plan for a frame; `image` is None where it cannot be read."""
        started = time.perf_counter()
        plan = self._pilot.on_frame(image, event.stamp_ns, event.received_ns)
        took_ms = 1e3 * (time.perf_counter() - started)
        stale = self._newest_ns is not None and event.stamp_ns <= self._newest_ns
        if not stale:
            self._newest_ns = event.stamp_ns
        if plan is None or rgb is None or image is None:
            self._log.unused[NO_PICTURE if image is None else STALE if stale else
                             NO_PLAN if self._log.instruction else NO_INSTRUCTION] += 1
            return
        self._probe.on_frame(image, event.stamp_ns)
        self._unanswered.add(event.received_ns, _Planned(
            event.stamp_ns, took_ms, plan.at(event.stamp_ns), self._last_command, rgb))


def _decoded(events: Iterable[Event], tally: Tally
             ) -> Iterator[tuple[Event, np.ndarray | None, np.ndarray | None]]:
    """Yield each event with its RGB and that as the policy sees it; both None if unreadable."""
    for event in events:
        rgb = image = None
        if event.kind == 'image':
            try:
                rgb = tally.read(lambda msg: decode(msg, IMAGE), event.value)
                image = preprocess(rgb)
            except MessageError:  # the tally counts it; the pilot stops the base
                rgb = None
            event = event._replace(value=None)
        yield event, rgb, image


def _picture(rgb: np.ndarray, predicted: Command, recorded: Command) -> bytes:
    """Return a small JPEG of RGB uint8 (height, width, 3) with both commands as arrows."""
    import cv2
    from mobile_vla_ros.replay.arrows import draw_arrows
    height = max(1, round(rgb.shape[0] * THUMBNAIL / rgb.shape[1]))
    small = cv2.resize(rgb, (THUMBNAIL, height), interpolation=cv2.INTER_AREA)
    draw_arrows(small, recorded, predicted)
    return cv2.imencode('.jpg', small[..., ::-1])[1].tobytes()
