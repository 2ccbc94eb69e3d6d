"""Are recordings fit to learn from: what the checkups mean, and what to do about it."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from mobile_vla_ros.contract import AXES
from mobile_vla_ros.data.balance import balance, Counts
from mobile_vla_ros.data.checkup import Checkup
from mobile_vla_ros.data.reading import CUT, DESCRIBED, DIFFERS, LEFT_OUT, STALE
from mobile_vla_ros.data.segments import IDLE
from mobile_vla_ros.report.words import first_of
from mobile_vla_ros.sides import mirrored, UNSURE

SLOW_HZ = 5.0  # the policy learns from five frames a second
LATE_S = 0.25  # a command this long after its picture answers another one
SLOW_S = 0.3  # from a command until the base follows it
DARK, BRIGHT = 30, 225  # mean grey level, 0..255
FEW = 5  # recordings: below it hardly anything can be learned
FEW_OF = 10  # recordings with a label, from which on their balance is judged
OK, WARN, BAD = 'ok', 'warn', 'bad'
REFUSED = 'a recording that cannot be used'
READINGS = {LEFT_OUT: (WARN, 'messages that cannot be read'), DIFFERS: (WARN, 'counts differ'),
            DESCRIBED: (WARN, 'files are not as described'),
            CUT: (WARN, 'times do not follow each other'),
            STALE: (BAD, 'stamps of pictures repeat or go back')}


class Finding(NamedTuple):
    """What was found, what to do about it, and which recordings it concerns."""

    level: str  # OK, WARN or BAD
    found: str  # with the names of some recordings
    remedy: str
    what: str = ''  # `found` without names
    concerned: tuple[tuple[int, str], ...] = ()  # (place among the checkups, detail)


class _Rule(NamedTuple):
    """A fault that a recording may have by itself."""

    level: str
    has: Callable[[Checkup], object]  # true if the recording has the fault
    what: str
    remedy: str
    detail: Callable[[Checkup], str] = lambda checkup: ''


def verdicts(checkups: Sequence[Checkup]) -> list[Finding]:
    """Return what was found in all recordings together, and what to do about it."""
    refused = [Finding(BAD, checkup.refused, checkup.remedy, REFUSED,
                       ((place, checkup.refused.removeprefix(f'{checkup.path}: ')),))
               for place, checkup in enumerate(checkups) if checkup.refused]
    good = [checkup for checkup in checkups if not checkup.refused]
    if not good:
        return refused
    rules = (*_content(good), *_readings(good), *_times(), *_base(good), *_pictures())
    each = [finding for rule in rules if (finding := _apply(rule, checkups))]
    counts = balance(good)
    together = [finding._replace(what=finding.found)
                for finding in (*_axes(good), *_sides(counts), *_labels(counts), *_few(good))]
    return [*refused, *each, *together] or [
        Finding(OK, 'nothing wrong was found', 'train', 'nothing wrong was found')]


def _apply(rule: _Rule, checkups: Sequence[Checkup]) -> Finding | None:
    """Return the finding about all recordings that have a fault; None if none has it."""
    concerned = tuple((place, rule.detail(checkup)) for place, checkup in enumerate(checkups)
                      if not checkup.refused and rule.has(checkup))
    if not concerned:
        return None
    names = [checkups[place].name + (f' ({detail})' if detail else '')
             for place, detail in concerned]
    return Finding(rule.level, f'{rule.what}: {first_of(names)}', rule.remedy, rule.what,
                   concerned)


def _content(good: Sequence[Checkup]) -> Iterator[_Rule]:
    yield _Rule(BAD, lambda c: not len(c.commands), 'no commands',
                'record the topic that the base listens to while you drive')
    yield _Rule(BAD, lambda c: not c.instructions, 'no instruction',
                'give one with `dataset build --instruction`, or record /instruction')
    remedies = sorted({c.tally.remedy for c in good if c.tally.unreadable})
    yield _Rule(BAD, lambda c: c.tally.unreadable, 'pictures that cannot be read',
                '; '.join(remedies) + '; they are left out', lambda c: c.tally.words)
    yield _Rule(WARN, lambda c: c.tally.assumption, 'an encoding that does not name its colours',
                'look whether the pictures have theirs; else publish as bgr8 or rgb8',
                lambda c: c.tally.assumption)


def _of_reading(remedy: str) -> _Rule:
    def detail(checkup: Checkup) -> str:
        return '; '.join(notice.found for notice in checkup.reading.notices()
                         if notice.remedy == remedy)
    level, what = READINGS[remedy]
    return _Rule(level, detail, what, remedy, detail)


def _readings(good: Sequence[Checkup]) -> Iterator[_Rule]:
    remedies = (notice.remedy for checkup in good for notice in checkup.reading.notices())
    for remedy in dict.fromkeys(remedies):
        yield _of_reading(remedy)
    yield _Rule(WARN, lambda c: c.noted, 'its recorder noted faults',
                'what was dropped is missing; mend the cause, and record anew what matters',
                lambda c: '; '.join(c.noted))


def _times() -> Iterator[_Rule]:
    yield _Rule(BAD, lambda c: 0 < c.frame_hz < SLOW_HZ, f'fewer than {SLOW_HZ:g} frames/s',
                "raise the camera's rate, or send compressed pictures")
    yield _Rule(WARN, lambda c: c.gaps, 'gaps between pictures', 'use the shipped transport '
                'profile, or compressed pictures; each gap ends an episode')
    yield _Rule(WARN, lambda c: c.lag_s > LATE_S, f'commands come over {LATE_S} s after a picture',
                'publish commands steadily while driving, 10 Hz or more')


def _of_axis(axis: str) -> Iterator[_Rule]:
    yield _Rule(BAD, lambda c: axis in c.against,
                f'odometry goes the other way than the command in {axis}',
                'turn the sign where the base takes cmd_vel or where odom is published (x '
                'forward, y left, yaw counter-clockwise), and record anew')
    yield _Rule(WARN, lambda c: axis in c.held_s, f'told to move in {axis}, the base hardly does',
                'free it (a wall, a brake, an emergency stop), leave the axis out if the base '
                'has none, or fill in the twist of odom; such a drive teaches to push',
                lambda c: f'{c.held_s[axis]:g} s')


def _base(good: Sequence[Checkup]) -> Iterator[_Rule]:
    for axis in AXES:
        yield from _of_axis(axis)
    slowest = max(checkup.delay_s for checkup in good)
    yield _Rule(WARN, lambda c: c.delay_s > SLOW_S,
                f'the base follows a command up to {slowest:.2f} s late',
                "look for a slow link or a smoother; else give it as the drive node's "
                'stopping.reaction')
    yield _Rule(WARN, lambda c: c.idle_share > 0.5, 'more than half of it stands still',
                'begin just before driving and end just after; `dataset build` trims the rest')


def _pictures() -> Iterator[_Rule]:
    yield _Rule(WARN, lambda c: c.frames and c.repeated > 0.2 * c.frames,
                'one picture in five repeated', 'the camera is slower than its topic, or it froze')
    yield _Rule(WARN, lambda c: c.exposure and not DARK < np.mean(c.exposure) < BRIGHT,
                'pictures too dark or too bright', 'set the exposure, or put the light on')


def _axes(good: Sequence[Checkup]) -> Iterator[Finding]:
    commands = np.concatenate([checkup.commands for checkup in good])
    if not len(commands):
        return
    dead = [axis for axis, spread in zip(AXES, commands.std(0)) if spread < IDLE / 2]
    if len(dead) == len(AXES):
        yield Finding(BAD, 'no axis ever changes', 'a constant is all that can be learned: drive')
    elif dead:
        yield Finding(WARN, f'never changes: {", ".join(dead)}',
                      'fine if the base has no such motion; else check the sign and the topic')


def _sides(counts: Counts) -> Iterator[Finding]:
    left, right = (counts['sides'].get(side, 0) for side in ('left', 'right'))
    if left + right and min(left, right) < 0.25 * (left + right):
        yield Finding(WARN, f'{left} recordings say left, {right} say right',
                      'record the other side too; mirroring helps, but does not show its rooms')
    unsure = [repr(text) for text in counts['instructions'] if mirrored(text).kind == UNSURE]
    if unsure:
        yield Finding(WARN, 'words that may mean a side, and cannot be exchanged: '
                      f'{first_of(unsure)}', 'such drives are learned without a mirror image: '
                      'record the other side too, or say left and right, 왼쪽 and 오른쪽')


def _labels(balanced: Counts) -> Iterator[Finding]:
    for label in ('scenario', 'distance'):
        counts = balanced[f'{label}s']
        if sum(counts.values()) < FEW_OF:
            continue
        often = max(counts, key=lambda value: counts[value])
        rare = [f'{value} {count}' for value, count in sorted(counts.items())
                if 5 * count < counts[often]]
        if rare:
            yield Finding(WARN, f'{label} {often} has {counts[often]} recordings, too few have: '
                          f'{first_of(rare)}', 'record more of these, or leave them out: what is '
                          'rare is hardly learned')


def _few(good: Sequence[Checkup]) -> Iterator[Finding]:
    if len(good) < FEW:
        yield Finding(WARN, f'few recordings: {len(good)}',
                      'record some dozens: one in five is held out')
