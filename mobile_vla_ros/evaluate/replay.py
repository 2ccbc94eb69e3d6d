"""
A recording through the deployed pipeline: what would have been driven, beside what was.

The parts are those of the drive node: decoding, policy, Guard and Pace. Time is the bag's own,
and a plan is in effect when its frame has come, as on a machine that computes in no time.
"""

from collections import Counter
from dataclasses import dataclass, field
import time

import numpy as np

from mobile_vla_ros.contract import AXES, Command, NS
from mobile_vla_ros.data.bags import Bag, decode
from mobile_vla_ros.images import MessageError
from mobile_vla_ros.instruction import normalise
from mobile_vla_ros.nodes.pace import Pace
from mobile_vla_ros.policy import Policy
from mobile_vla_ros.safety import Guard, Limits, Reason
from mobile_vla_ros.sim.language import swap_sides

PAIRED_S = 0.5  # a frame's command is the first one recorded after it, if it comes this soon
MOVING = 0.05  # m/s, rad/s: below, a command has no direction
SHIFTS = 5  # frames by which commands may be late or early and still be found so
BASELINES = {
    'zero': 'stands still',
    'mean': 'the mean of these very recordings, the best constant',
    'repeat-last': 'what the driver did a moment before; it knows the driver, no policy can',
}
THUMBNAIL = (160, 120)  # px


@dataclass
class Drive:
    """One replayed recording, (n, 3) in AXES order for every frame that has a recorded command."""

    name: str
    instruction: str
    seconds: float
    frames: int = 0
    unreadable: int = 0
    seconds_at: list = field(default_factory=list)  # since the bag's first frame
    predicted: list = field(default_factory=list)
    recorded: list = field(default_factory=list)
    before: list = field(default_factory=list)  # the last command before the frame
    swapped: list = field(default_factory=list)
    blank: list = field(default_factory=list)
    sent: list = field(default_factory=list)  # (seconds, Command, reason) that left the node
    took_ms: list = field(default_factory=list)
    pictures: list = field(default_factory=list)  # small RGB of each row


class Pipeline:
    """The drive node's way from a frame to a limited command, in a time that is given to it."""

    def __init__(self, policy: Policy, start_ns: int, rate: float = 20.0,
                 image_timeout: float = 0.25, limits: Limits | None = None):
        """Start armed, without an instruction."""
        self.policy, self.guard = policy, Guard(limits or Limits(), int(image_timeout * NS))
        self.guard.arming.arm()
        self.pace = Pace(int(NS / rate), start_ns)
        self.sent = []  # (ns, Command, Reason)

    def instruct(self, text: str, now_ns: int) -> None:
        """Take an instruction as the node does."""
        self.advance(now_ns)
        if self.guard.instruct(text, now_ns):
            self.policy.reset()

    def advance(self, now_ns: int) -> None:
        """Send what is due before `now_ns`."""
        while (due := min(self.pace.wake_ns, self.guard.deadline_ns() or self.pace.wake_ns)) \
                < now_ns:
            self._emit(due)

    def frame(self, rgb, stamp_ns: int, now_ns: int):
        """Take a frame, None if it was unreadable; return its plan, None if it gets none."""
        self.advance(now_ns)
        if not self.guard.frame(stamp_ns, now_ns):
            return None
        if rgb is None:
            self.guard.unreadable()
            return None
        if not self.guard.instruction or self.guard.faulted:
            return None
        try:
            plan = self.policy.plan(rgb, self.guard.instruction, stamp_ns)
        except ValueError as error:  # as in the node: the base stops
            self.guard.failed(str(error))
            return None
        if not self.guard.plan(plan, self.guard.instruction, stamp_ns, now_ns):
            return None
        if self.pace.arrived(now_ns):
            self._emit(now_ns)
        return plan

    def _emit(self, now_ns):
        command, reason = self.guard.tick(now_ns)
        self.sent.append((now_ns, command, reason))
        self.pace.sent(now_ns)


def replay(bag: Bag, policy: Policy, instruction: str | None = None, **settings) -> Drive:
    """
    Replay one bag.

    :param instruction: said at the start, instead of what was recorded.
    :param settings: rate, image_timeout and limits of the drive node.
    :raises ValueError: if there is no instruction, or no command to compare with.
    """
    if instruction is None and bag.topics['instruction'] is None:
        raise ValueError(f'{bag.path}: no instruction was recorded; give one with --instruction')
    if bag.topics['command'] is None:
        raise ValueError(f'{bag.path}: no recorded commands (geometry_msgs Twist or '
                         'TwistStamped) to compare with')
    text = normalise(instruction or '')
    drive = Drive(bag.path.name, text, bag.seconds)
    others = {name: Policy(policy.engine, policy.metadata) for name in ('swapped', 'blank')}
    policy.reset()
    pipeline, waiting, last, zero_ns = None, [], None, 0
    for event in bag.events():
        now_ns = event.received_ns
        if pipeline is None:
            pipeline, zero_ns = Pipeline(policy, now_ns, **settings), now_ns
            if text:
                pipeline.instruct(text, now_ns)
        if event.kind == 'instruction' and instruction is None:
            drive.instruction = normalise(event.value)
            pipeline.instruct(drive.instruction, now_ns)
            for other in others.values():
                other.reset()
        elif event.kind == 'command':
            for row in waiting:
                if now_ns - row[0] <= PAIRED_S * NS:
                    _keep(drive, row, event.value, zero_ns)
            waiting, last = [], event.value
        elif event.kind == 'image':
            drive.frames += 1
            try:
                rgb = decode(event.value)
            except MessageError:
                drive.unreadable += 1
                rgb = None
            started = time.perf_counter()
            plan = pipeline.frame(rgb, event.stamp_ns, now_ns)
            if plan is None:
                continue
            drive.took_ms.append(1e3 * (time.perf_counter() - started))
            swapped = swap_sides(drive.instruction)
            asked = {'swapped': swapped, 'blank': ''}
            answers = {name: other.act(rgb, asked[name], event.stamp_ns)
                       for name, other in others.items() if asked[name] is not None}
            waiting.append((now_ns, plan.at(event.stamp_ns), last, answers, _small(rgb)))
    drive.sent = [((ns - zero_ns) / NS, command, reason.text)
                  for ns, command, reason in (pipeline.sent if pipeline else [])]
    if not drive.predicted:
        raise ValueError(f'{bag.path}: {drive.frames} frames, {drive.unreadable} of them '
                         f'unreadable, and none with an instruction and a command within '
                         f'{PAIRED_S} s after it')
    return drive


def _small(rgb):
    import cv2
    return cv2.resize(rgb, THUMBNAIL, interpolation=cv2.INTER_AREA)


def _keep(drive, row, recorded, zero_ns):
    ns, predicted, before, answers, picture = row
    drive.seconds_at.append((ns - zero_ns) / NS)
    drive.predicted.append(predicted)
    drive.recorded.append(recorded)
    drive.before.append(before or Command())
    drive.swapped.append(answers.get('swapped', (np.nan,) * 3))
    drive.blank.append(answers['blank'])
    drive.pictures.append(picture)


def summarise(drives: list[Drive], policy: Policy) -> dict:
    """Return every figure as plain values; but for 'timing', equal for equal input."""
    recorded = np.concatenate([np.asarray(d.recorded, float) for d in drives])
    predicted = np.concatenate([np.asarray(d.predicted, float) for d in drives])
    rivals = {'policy': predicted, 'zero': np.zeros_like(recorded),
              'mean': np.broadcast_to(recorded.mean(0), recorded.shape),
              'repeat-last': np.concatenate([np.asarray(d.before, float) for d in drives])}
    episodes = np.repeat(np.arange(len(drives)), [len(d.recorded) for d in drives])
    return {
        'checkpoint_sha256': policy.sha256, 'data_digest': policy.metadata.data.get('digest'),
        'model': policy.metadata.model, 'axes': list(AXES),
        'frames_compared': len(recorded),
        'scores': {name: _score(values, recorded, episodes) for name, values in rivals.items()},
        'instruction_sensitivity': {
            name: _difference(np.concatenate([np.asarray(getattr(d, name), float)
                                              for d in drives]), predicted)
            for name in ('swapped', 'blank')},
        'lag_s': _lag(drives),
        'recordings': [_describe(d) for d in drives],
        'timing': _timing(drives),
    }


def _score(values, recorded, episodes) -> dict:
    """Return errors per axis; intervals over resampled recordings where there are several."""
    error = values - recorded
    spread = ((recorded - recorded.mean(0)) ** 2).mean(0)
    out = {'mae': np.abs(error).mean(0), 'rmse': np.sqrt((error ** 2).mean(0)),
           'r2': np.where(spread > 1e-9, 1 - (error ** 2).mean(0) / np.maximum(spread, 1e-9),
                          np.nan)}
    moving = np.abs(recorded) > MOVING
    agree = (np.sign(values) == np.sign(recorded)) & moving
    out['direction'] = np.where(moving.any(0), agree.sum(0) / np.maximum(moving.sum(0), 1), np.nan)
    count = int(episodes.max()) + 1
    if count > 1:
        rng = np.random.default_rng(0)
        per = np.array([[np.abs(error[episodes == i]).sum(0), [(episodes == i).sum()] * 3]
                        for i in range(count)])  # (recordings, 2, 3)
        draws = per[rng.integers(count, size=(1000, count))].sum(1)
        out['mae_low'], out['mae_high'] = np.percentile(draws[:, 0] / draws[:, 1], (2.5, 97.5), 0)
    return {name: _plain(value) for name, value in out.items()}


def _lag(drives) -> float | None:
    """
    Return the seconds by which the policy's commands come after the recorded ones they fit best.

    The least squared error over shifts by whole frames, and a parabola through its neighbours;
    None where the recorded commands do not change, or are too few.
    """
    drives = [d for d in drives if len(d.recorded) > 4 * SHIFTS]
    if not drives or max(np.std(d.recorded, 0).max() for d in drives) < MOVING:
        return None
    shifts = range(-SHIFTS, SHIFTS + 1)
    errors = np.zeros(len(shifts))
    for d in drives:
        recorded = np.asarray(d.recorded, float)[SHIFTS:-SHIFTS]
        for i, shift in enumerate(shifts):
            start = SHIFTS + shift
            given = np.asarray(d.predicted, float)[start:start + len(recorded)]
            errors[i] += ((given - recorded) ** 2).sum()
    best = int(errors.argmin())
    shift = shifts[best]
    if 0 < best < len(errors) - 1:
        before, here, after = errors[best - 1:best + 2]
        if before + after > 2 * here:
            shift += (before - after) / (2 * (before + after - 2 * here))
    period = np.median(np.concatenate([np.diff(d.seconds_at) for d in drives]))
    return round(float(shift * period), 4)


def _difference(values, predicted) -> list:
    known = np.isfinite(values).all(1)
    return _plain(np.abs(values - predicted)[known].mean(0)) if known.any() else None


def _plain(values) -> list:
    return [round(float(v), 6) if np.isfinite(v) else None for v in values]


def _describe(drive) -> dict:
    reasons = Counter(reason for _, _, reason in drive.sent)
    return {'name': drive.name, 'instruction': drive.instruction,
            'seconds': round(drive.seconds, 3), 'frames': drive.frames,
            'unreadable': drive.unreadable, 'compared': len(drive.recorded),
            'mae': _plain(np.abs(np.subtract(drive.predicted, drive.recorded)).mean(0)),
            'sent': {reason: reasons[reason] for reason in sorted(reasons)},
            'stopped_share': round(1 - reasons[Reason.DRIVING.text] / max(1, len(drive.sent)), 4),
            'commands': [[round(t, 6), *map(float, command), reason]
                         for t, command, reason in drive.sent]}


def _timing(drives) -> dict:
    took = np.concatenate([d.took_ms for d in drives])
    return {'policy_ms_p50': round(float(np.percentile(took, 50)), 3),
            'policy_ms_p99': round(float(np.percentile(took, 99)), 3)}
