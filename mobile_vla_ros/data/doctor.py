"""Is a recording fit to learn from: what is measured, what it means, and what to do about it."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
import json
from typing import NamedTuple

import cv2
import numpy as np

from mobile_vla_ros.contract import AXES, NS
from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.data.base_response import held, measure
from mobile_vla_ros.data.reading import CUT, DESCRIBED, DIFFERS, LEFT_OUT, Reading, STALE
from mobile_vla_ros.data.segments import IDLE
from mobile_vla_ros.data.topics import DRIVING
from mobile_vla_ros.images.decode import check, decode, MessageError
from mobile_vla_ros.images.tally import Tally
from mobile_vla_ros.instruction import normalise
from mobile_vla_ros.sides import mirrored, UNSURE
from mobile_vla_ros.sim.language import parse_instruction

SLOW_HZ = 5.0  # the policy learns from five frames a second
GAP_S = 0.5
LATE_S = 0.25  # a command this long after its picture answers another one
SLOW_S = 0.3  # from a command until the base follows it
DARK, BRIGHT = 30, 225  # mean grey level, 0..255
REFUSED = 'a recording that cannot be used'
BINS = 41  # of a histogram
FEW_OF = 10  # recordings with a label, from which on their balance is judged
OK, WARN, BAD = 'ok', 'warn', 'bad'
THUMBNAIL = 160  # px, the width of a recording's picture
READINGS = {LEFT_OUT: (WARN, 'messages that cannot be read'), DIFFERS: (WARN, 'counts differ'),
            DESCRIBED: (WARN, 'files are not as described'),
            CUT: (WARN, 'times do not follow each other'),
            STALE: (BAD, 'stamps of pictures repeat or go back')}


@dataclass
class Checkup:
    """What was found in one recording."""

    name: str
    seconds: float = 0.0
    frames: int = 0
    tally: Tally = field(default_factory=Tally)  # of its pictures
    repeated: int = 0  # frames equal to the one before
    reading: Reading = field(default_factory=Reading)
    noted: list = field(default_factory=list)  # what its recorder said was wrong
    gaps: list = field(default_factory=list)  # (seconds since the start, length s)
    frame_hz: float = 0.0
    command_hz: float = 0.0
    lag_s: float = 0.0  # median from a picture to the command after it
    exposure: list = field(default_factory=list)  # mean grey level of some frames
    commands: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    instructions: list = field(default_factory=list)
    response: dict = field(default_factory=dict)  # axis -> Response, where there is odometry
    held_s: dict = field(default_factory=dict)  # axis -> s told to move, and hardly moving
    scenario: str = ''  # labels of who recorded
    distance: str = ''
    refused: str = ''  # why nothing was found
    remedy: str = 'leave it out'  # where it was refused
    path: str = ''
    picture: bytes = b''  # JPEG of a frame about its middle, small; empty where none can be read

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
        """Return how long the slowest axis takes to follow a command; 0 where not known."""
        return max((answer.delay_s for answer in self.response.values()), default=0.0)

    def as_dict(self) -> dict:
        """Return it for JSON; of commands their share per axis only."""
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


class Finding(NamedTuple):
    """What was found, what to do about it, and which recordings it concerns."""

    level: str  # OK, WARN or BAD
    found: str  # with the names of some recordings
    remedy: str
    what: str = ''  # `found` without names
    concerned: tuple[tuple[int, str], ...] = ()  # (place among the checkups, detail)


def _by_axis(values) -> dict:
    return {axis: round(float(value), 4) for axis, value in zip(AXES, values)}


def examine(bag: Bag, look_every: int = 5) -> Checkup:
    """
    Look through a recording once.

    :param look_every: decode each so manieth frame only; all are counted.
    :raises BagError: where it is damaged.
    """
    found = Checkup(bag.path.name, round(bag.seconds, 3), scenario=bag.info.get('scenario', ''),
                    distance=bag.info.get('distance', ''), noted=noted(bag.info),
                    path=str(bag.path))
    images, commands, odometry, lags, waiting = [], [], [], [], []
    before, cuts, middle = None, [], None
    half = bag.reading.stored.get('image', 0) / 2
    for event in bag.events((*DRIVING, 'odometry')):
        at = event.received_ns
        if event.kind == 'instruction':
            text = normalise(event.value)
            if text and text not in found.instructions:
                found.instructions.append(text)
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
            images.append(at)
            waiting.append(at)
            content = bytes(event.value.data)
            found.repeated += before == hash(content)
            before = hash(content)
            with suppress(MessageError):  # the tally has it
                found.tally.read(check, event.value)
                if len(images) % look_every == 1:
                    rgb = _decoded(event.value, found.tally)
                    found.exposure.append(float(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).mean()))
                    middle = rgb if middle is None or len(images) <= half else middle
    found.picture = b'' if middle is None else _thumbnail(middle)
    found.frames, found.reading = len(images), bag.reading
    found.commands = np.array(commands)[:, 1:].astype(float) if commands else np.zeros((0, 3))
    driven = [np.array(rows, float).reshape(-1, 4) for rows in (commands, odometry)]
    found.response, found.held_s = measure(*driven), held(*driven)
    found.frame_hz, found.gaps = _rhythm(images, cuts)
    found.command_hz, _ = _rhythm([row[0] for row in commands])
    found.lag_s = round(float(np.median(lags)), 4) if lags else 0.0
    return found


def _decoded(msg, tally) -> np.ndarray:
    try:
        return decode(msg)
    except MessageError as error:
        tally.add(error)
        raise


def _thumbnail(rgb: np.ndarray) -> bytes:
    """Return RGB uint8 (height, width, 3) as a small JPEG."""
    size = THUMBNAIL, max(1, round(rgb.shape[0] * THUMBNAIL / rgb.shape[1]))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode('.jpg', small[..., ::-1])[1].tobytes()


def noted(info: dict) -> list[str]:
    """Return in words what the recorder of an episode noted of its faults."""
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


def _rhythm(times, cuts=()) -> tuple[float, list]:
    """Return Hz by the median distance, and the gaps in which nothing is cut."""
    if len(times) < 2:
        return 0.0, []
    steps = np.diff(times) / NS
    middle = float(np.median(steps))
    gaps = [(round((times[i] - times[0]) / NS, 3), round(float(steps[i]), 3))
            for i in np.flatnonzero(steps > max(GAP_S, 3 * middle))
            if not any(times[i] < cut <= times[i + 1] for cut in cuts)]
    return round(1 / middle, 2) if middle else 0.0, gaps


def balance(checkups: list[Checkup]) -> dict:
    """
    Return how many recordings have each side, colour, instruction, scenario and distance.

    `none` counts instructions without side or colour; those without a label are not counted.
    """
    sides, colors, texts = Counter(), Counter(), Counter()
    for found in checkups:
        for text in found.instructions:
            try:
                side, color = parse_instruction(text)
            except ValueError:
                side = color = None
            sides[side or 'none'] += 1
            colors[color or 'none'] += 1
        texts.update(found.instructions)
    scenarios, distances = (Counter(filter(None, labels)) for labels in (
        (found.scenario for found in checkups), (found.distance for found in checkups)))
    return {'sides': dict(sides), 'colors': dict(colors), 'instructions': dict(texts),
            'scenarios': dict(scenarios), 'distances': dict(distances)}


def histograms(checkups: list[Checkup]) -> dict:
    """Return for each axis how many commands lie between edges (m/s, m/s, rad/s)."""
    commands, out = np.concatenate([np.zeros((0, 3)), *(c.commands for c in checkups)]), {}
    for axis, values in zip(AXES, commands.T):
        low, high = (values.min(), values.max()) if len(values) else (0.0, 0.0)
        if high - low < 1e-6:  # numpy widens it only where there is no difference at all
            low, high = low - 0.5, high + 0.5
        counts, edges = np.histogram(values, BINS, (low, high))
        out[axis] = {'edges': edges.round(6).tolist(), 'counts': counts.tolist()}
    return out


def verdicts(checkups: list[Checkup]) -> list[Finding]:
    """Return what was found in all recordings together, and what to do about it."""
    out = []

    def judge(level, found, remedy, what='', concerned=()):
        out.append(Finding(level, found, remedy, what or found, tuple(concerned)))

    def each(level, wrong, what, remedy, detail=None):
        concerned = [(place, detail(found) if detail else '')
                     for place, found in enumerate(checkups)
                     if not found.refused and wrong(found)]
        names = [checkups[place].name + (f' ({words})' if words else '')
                 for place, words in concerned]
        if names:
            shown = ', '.join(names[:3]) + (f' and {len(names) - 3} more' if names[3:] else '')
            judge(level, f'{what}: {shown}', remedy, what, concerned)
    good = [found for found in checkups if not found.refused]
    for place, found in enumerate(checkups):
        if found.refused:
            judge(BAD, found.refused, found.remedy, REFUSED,
                  [(place, found.refused.removeprefix(f'{found.path}: '))])
    if not good:
        return out
    each(BAD, lambda f: not len(f.commands), 'no commands',
         'record the topic that the base listens to while you drive')
    each(BAD, lambda f: not f.instructions, 'no instruction',
         'give one with `dataset build --instruction`, or record /instruction')
    each(BAD, lambda f: f.tally.unreadable, 'pictures that cannot be read',
         '; '.join(sorted({f.tally.remedy for f in good if f.tally.unreadable}))
         + '; they are left out', lambda f: f.tally.words)
    each(WARN, lambda f: f.tally.assumption, 'an encoding that does not name its colours',
         'look whether the pictures have theirs; else publish as bgr8 or rgb8',
         lambda f: f.tally.assumption)
    for remedy in dict.fromkeys(told.remedy for found in good for told in found.reading.told()):
        def such(found, remedy=remedy):
            return [told.found for told in found.reading.told() if told.remedy == remedy]
        level, what = READINGS[remedy]
        each(level, such, what, remedy, lambda f, such=such: '; '.join(such(f)))
    each(WARN, lambda f: f.noted, 'its recorder noted faults', 'what was dropped is missing; mend '
         'the cause, and record anew what matters', lambda f: '; '.join(f.noted))
    each(BAD, lambda f: f.frame_hz and f.frame_hz < SLOW_HZ, f'fewer than {SLOW_HZ:g} frames/s',
         "raise the camera's rate, or send compressed pictures")
    each(WARN, lambda f: f.gaps, 'gaps between pictures',
         'use the shipped transport profile, or compressed pictures; each gap ends an episode')
    each(WARN, lambda f: f.lag_s > LATE_S, f'commands come over {LATE_S} s after a picture',
         'publish commands steadily while driving, 10 Hz or more')
    for axis in AXES:
        each(BAD, lambda f, axis=axis: axis in f.against,
             f'odometry goes the other way than the command in {axis}',
             'turn the sign where the base takes cmd_vel or where odom is published (x forward, '
             'y left, yaw counter-clockwise), and record anew')
        each(WARN, lambda f, axis=axis: axis in f.held_s,
             f'told to move in {axis}, the base hardly does',
             'free it (a wall, a brake, an emergency stop), leave the axis out if the base has '
             'none, or fill in the twist of odom; such a drive teaches to push',
             lambda f, axis=axis: f'{f.held_s[axis]:g} s')
    slowest = max(found.delay_s for found in good)
    each(WARN, lambda f: f.delay_s > SLOW_S, f'the base follows a command up to {slowest:.2f} s '
         'late', "look for a slow link or a smoother; else give it as the drive node's "
         'stopping.reaction')
    each(WARN, lambda f: f.idle_share > 0.5, 'more than half of it stands still',
         'begin just before driving and end just after; `dataset build` trims the rest')
    each(WARN, lambda f: f.frames and f.repeated > 0.2 * f.frames, 'one picture in five repeated',
         'the camera is slower than its topic, or it froze')
    each(WARN, lambda f: f.exposure and not DARK < np.mean(f.exposure) < BRIGHT,
         'pictures too dark or too bright', 'set the exposure, or put the light on')
    commands = np.concatenate([found.commands for found in good])
    if len(commands):
        dead = [axis for axis, spread in zip(AXES, commands.std(0)) if spread < IDLE / 2]
        if len(dead) == len(AXES):
            judge(BAD, 'no axis ever changes', 'a constant is all that can be learned: drive')
        elif dead:
            judge(WARN, f'never changes: {", ".join(dead)}',
                  'fine if the base has no such motion; else check the sign and the topic')
    shares = balance(good)
    sides = shares['sides']
    left, right = sides.get('left', 0), sides.get('right', 0)
    if left + right and min(left, right) < 0.25 * (left + right):
        judge(WARN, f'{left} recordings say left, {right} say right',
              'record the other side too; mirroring helps, but does not show its rooms')
    unsure = [repr(text) for text in shares['instructions'] if mirrored(text).kind == UNSURE]
    if unsure:
        shown = ', '.join(unsure[:3]) + (f' and {len(unsure) - 3} more' if unsure[3:] else '')
        judge(WARN, f'words that may mean a side, and cannot be exchanged: {shown}',
              'such drives are learned without a mirror image: record the other side too, or say '
              'left and right, 왼쪽 and 오른쪽')
    for label in ('scenario', 'distance'):
        counts = shares[f'{label}s']
        often = max(counts, key=counts.get, default=None)
        rare = [f'{value} {count}' for value, count in sorted(counts.items())
                if 5 * count < counts[often]]
        if rare and sum(counts.values()) >= FEW_OF:
            shown = ', '.join(rare[:3]) + (f' and {len(rare) - 3} more' if rare[3:] else '')
            judge(WARN, f'{label} {often} has {counts[often]} recordings, too few have: {shown}',
                  'record more of these, or leave them out: what is rare is hardly learned')
    if len(good) < 5:
        judge(WARN, f'few recordings: {len(good)}',
              'record some dozens: one in five is held out')
    return out or [Finding(OK, 'nothing wrong was found', 'train', 'nothing wrong was found')]
