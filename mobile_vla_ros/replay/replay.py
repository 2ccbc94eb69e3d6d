"""
A recording through the deployed pipeline: what would have been driven, beside what was.

The parts are those of the drive node: decoding, policy, Guard and Pace. Time is the bag's own,
and a plan is in effect when its frame has come, as on a machine that computes in no time.
"""

from collections import Counter, deque
import time

import numpy as np

from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.control.offline_pilot import Pipeline
from mobile_vla_ros.data.bags import Bag, decode, UNREADABLE
from mobile_vla_ros.images.decode import MessageError
from mobile_vla_ros.inference.policy import Policy
from mobile_vla_ros.instruction import normalise
from mobile_vla_ros.preprocessing import IMAGE, preprocess
from mobile_vla_ros.replay.log import Drive, Moment
from mobile_vla_ros.replay.prefetch import ahead
from mobile_vla_ros.replay.rewordings import rewordings

PAIRED_S = 0.5  # a frame's command is the first one recorded after it, if it comes this soon
LATE = f'without a command within {PAIRED_S} s'
BAD = 'with a command that cannot be read'
STALE = 'with a stamp that is not newer than the one before'
ASKED_S = 1.0  # between frames at which other words are tried: each costs as much as a frame
THUMBNAIL = (160, 120)  # px


def replay(bag: Bag, policy: Policy, instruction: str | None = None, start_s: float = 0.0,
           only=None, **settings) -> Drive:
    """
    Replay one bag.

    :param instruction: said at the start, instead of what was recorded.
    :param start_s: seconds at the beginning to leave out.
    :param only: stamps (ns) of the frames that came; None: all.
    :param settings: rate, image_timeout and limits of the drive node.
    :raises ValueError: if there is no instruction, or no command to compare with.
    """
    if instruction is None and bag.topics['instruction'] is None:
        raise ValueError(f'{bag.path}: no instruction was recorded; give one with --instruction')
    if bag.topics['command'] is None:
        raise ValueError(f'{bag.path}: no recorded commands (geometry_msgs Twist or '
                         'TwistStamped) to compare with')
    drive = Drive(bag.path.name, normalise(instruction or ''), bag.seconds - start_s, bag.info)
    events = ahead(_decoded(bag.events(start_s=start_s), drive.tally))
    _run(drive, policy, events, instruction, only, settings)
    drive.reading = bag.reading
    if not len(drive.stamps):
        told = '; '.join([drive.used, *drive.reading.words()])
        raise ValueError(f'{bag.path}: ' + drive.tally.reason(
            f'none of {drive.frames} frames has an instruction and a command within {PAIRED_S} s '
            f'after it: {told}'))
    return drive


def _run(drive, policy, events, instruction, only, settings):
    policy.reset()
    others = Others(drive, policy)
    pipeline, waiting, last, newest_ns = None, deque(), Command(), None
    for event, rgb, image in events:
        now_ns = event.received_ns
        if pipeline is None:
            drive.zero_ns = now_ns
            pipeline = Pipeline(policy, now_ns, drive.send, **settings)
            if drive.instruction:
                pipeline.instruct(drive.instruction, now_ns)
                others.instruct(drive.instruction)
        while waiting and now_ns - waiting[0][0] > PAIRED_S * NS:
            waiting.popleft()
            drive.unused[LATE] += 1
        if event.kind == 'instruction' and instruction is None:
            drive.instruction = normalise(event.value)
            pipeline.instruct(drive.instruction, now_ns)
            others.instruct(drive.instruction)
        elif event.kind == 'command':
            for row in waiting:
                _keep(drive, row, event.value)
            waiting.clear()
            last = event.value
        elif event.kind == 'cut':
            drive.unused[BAD if event.value == UNREADABLE else LATE] += len(waiting)
            waiting.clear()
        elif event.kind == 'image':
            drive.frames += 1
            if only is not None and event.stamp_ns not in only:
                drive.unused['not answered live'] += 1
                continue
            started = time.perf_counter()
            plan = pipeline.frame(image, event.stamp_ns, now_ns)
            stale = newest_ns is not None and event.stamp_ns <= newest_ns
            newest_ns = newest_ns if stale else event.stamp_ns
            if plan is None:
                drive.unused['unreadable' if image is None else STALE if stale else
                             'without an instruction' if not drive.instruction else
                             'without a plan of the policy'] += 1
                continue
            took_ms = 1e3 * (time.perf_counter() - started)
            others.ask(image, event.stamp_ns)
            waiting.append((now_ns, event.stamp_ns, took_ms, plan.at(event.stamp_ns), last, rgb))
    drive.unused[LATE] += len(waiting)
    drive.unused += Counter()  # without those that are none


def _decoded(events, tally):
    """Yield (event, its RGB, that as the policy would make it small itself), None where none."""
    for event in events:
        rgb = image = None
        if event.kind == 'image':
            try:
                rgb = tally.read(_small_enough, event.value)
                image = preprocess(rgb)
            except MessageError:  # the base stops: the pipeline sees to that
                pass
            event = event._replace(value=None)
        yield event, rgb, image


def _small_enough(msg):
    return decode(msg, IMAGE)


def _keep(drive, row, recorded):
    ns, stamp_ns, took_ms, predicted, before, rgb = row
    drive.compare(ns, stamp_ns, took_ms, predicted, recorded, before)
    error = float(np.abs(np.subtract(predicted, recorded)).sum())
    drive.remember(Moment(error, (ns - drive.zero_ns) / NS, predicted, recorded),
                   lambda: _small(rgb))


def _small(rgb):
    import cv2
    return cv2.resize(rgb, THUMBNAIL, interpolation=cv2.INTER_AREA)


class Others:
    """
    The policy under other words, one frame every ASKED_S.

    Each wording has a memory of its own, of the frames at which it was asked; so has the given
    one, so that nothing but the words differs between them.
    """

    def __init__(self, drive: Drive, policy: Policy):
        """Wait for an instruction."""
        self._drive, self._policy = drive, policy
        self._asked_ns, self._policies = None, {}

    def instruct(self, text: str) -> None:
        """Take the instruction of which to ask others."""
        self._drive.reworded = rewordings(text)
        self._words = {'given': text, **self._drive.reworded}
        self._policies = {name: Policy(self._policy.engine, self._policy.metadata)
                          for name, words in self._words.items() if words is not None}
        self._asked_ns = None

    def ask(self, image, stamp_ns: int) -> None:
        """Ask with a frame, if it is time."""
        if self._asked_ns is not None and stamp_ns - self._asked_ns < ASKED_S * NS:
            return
        self._asked_ns = stamp_ns
        answers = {name: policy.act(image, self._words[name], stamp_ns)
                   for name, policy in self._policies.items()}
        given = answers.pop('given')
        for name, answer in answers.items():
            self._drive.answer(name, given, answer)
