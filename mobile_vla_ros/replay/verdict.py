"""What the figures of a replay mean, in sentences."""

from collections import Counter
from typing import Any

from mobile_vla_ros.contract import AXES, UNITS
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.report.words import counted, MOTIONS

STILL = 0.005  # m/s, rad/s: the error of a constant where the driver's command never changes
HARDLY = 0.02  # m/s, rad/s: the same, for a verdict: smaller errors do not show in driving
IDLE = 0.05  # m/s, rad/s: more is a motion that the driver does not make
CLOSE = 0.6  # of a constant's error: as much or less is driving like the driver
DEAF = 0.01  # m/s, rad/s: other words that change the command by less change nothing
STOPPED = 0.1  # share of the commands
LATE_S = 0.15
HALF = 0.5  # of the frames

Judgement = tuple[str, str]  # ok, warn or bad, and a sentence


def constant_error(scores: dict[str, Any], axis: int) -> float:
    """Return the error of the better of two constants: standing still, and the mean command."""
    return min(scores[name]['mae'][axis] for name in ('zero', 'mean'))


def headline(summary: dict[str, Any]) -> str:
    """Return in a sentence for each axis whether the policy beats a constant."""
    scores, out = summary['scores'], []
    for i, axis in enumerate(summary['axes']):
        ours, constant = scores['policy']['mae'][i], constant_error(scores, i)
        if constant < STILL:
            out.append(f'{axis} hardly changes')
        else:
            word = 'beats' if round(ours, 3) < round(constant, 3) else 'does not beat'
            out.append(f'{axis} {word} a constant ({ours:.3f} against {constant:.3f})')
    return 'Mean absolute error: ' + '; '.join(out) + '.'


def ratios(summary: dict[str, Any]) -> dict[str, float]:
    """Return the policy's error over that of a constant, for every axis that moves."""
    scores = summary['scores']
    return {axis: scores['policy']['mae'][i] / constant_error(scores, i)
            for i, axis in enumerate(AXES) if constant_error(scores, i) >= HARDLY}


def errors(summary: dict[str, Any]) -> str:
    """Return the errors beside those of a constant, for every axis that moves, in words."""
    scores = summary['scores']
    return '; '.join(
        f'{MOTIONS[axis]} error {scores["policy"]["mae"][i]:.2g} {unit}, a constant '
        f'{constant_error(scores, i):.2g}'
        for i, (axis, unit) in enumerate(zip(AXES, UNITS)) if axis in ratios(summary))


def verdict(summary: dict[str, Any]) -> Judgement:
    """Return whether the policy drives like the driver."""
    found = ratios(summary)
    if not found:
        return 'warn', ("The driver's commands hardly change here: there is nothing to compare "
                        'with.')
    better = [MOTIONS[axis] for axis, ratio in found.items() if ratio < 1.0]
    worse = [MOTIONS[axis] for axis, ratio in found.items() if ratio >= 1.0]
    if not better:
        level, words = 'bad', 'Does not drive like the driver'
    elif worse:
        level, words = 'warn', (f'Follows the driver in {" and ".join(better)} motion, but not '
                                f'in {" and ".join(worse)} motion')
        words = words.replace('turning motion', 'turning')
    elif max(found.values()) > CLOSE:
        level, words = 'warn', 'Follows the driver, but not closely'
    else:
        level, words = 'ok', 'Drives like the driver'
    return level, f'{words}: {errors(summary)}.'


def remarks(summary: dict[str, Any]) -> list[Judgement]:
    """Return what else a reader must know, in the order of weight."""
    return [remark for remark in (_listening(summary), _idle(summary), _compared(summary),
                                  _stops(summary), _lag(summary)) if remark]


def _listening(summary: dict[str, Any]) -> Judgement | None:
    moved = summary['instruction_sensitivity']['swapped']
    if not moved:
        return None
    if max(moved) < DEAF:
        return 'bad', 'It does not listen: with left and right exchanged it drives the same.'
    return 'ok', 'It listens: with left and right exchanged it drives differently.'


def _idle(summary: dict[str, Any]) -> Judgement | None:
    scores = summary['scores']
    extra = [f'{scores["policy"]["mae"][i]:.2g} {unit} {MOTIONS[axis]}'
             for i, (axis, unit) in enumerate(zip(AXES, UNITS))
             if scores['zero']['mae'][i] < HARDLY and scores['policy']['mae'][i] > IDLE]
    if not extra:
        return None
    return 'warn', f'It moves where the driver does not: {" and ".join(extra)}, on average.'


def _compared(summary: dict[str, Any]) -> Judgement | None:
    compared, frames = summary['frames_compared'], summary['frames']
    if compared == frames:
        return None
    return 'warn' if compared < HALF * frames else 'ok', \
        f'{compared} of {counted(frames, "frame")} could be compared; the reasons are below.'


def _stops(summary: dict[str, Any]) -> Judgement | None:
    rows = summary['recordings']
    sent: Counter[str] = sum((Counter(row['sent']) for row in rows), Counter())
    if not sent:
        return 'warn', 'No command was sent.'
    seconds = sum(row['seconds'] for row in rows)
    share = sum(row['stopped_share'] * row['seconds'] for row in rows) / max(seconds, 1e-9)
    if share < STOPPED:
        return None
    del sent[Reason.DRIVING.text]
    return 'warn', (f'It would have stood still for {share:.0%} of the time, mostly because: '
                    f'{sent.most_common(1)[0][0]}.')


def _lag(summary: dict[str, Any]) -> Judgement | None:
    lag_s = summary['lag_s']
    if lag_s is None or lag_s <= LATE_S:
        return None
    return 'warn', f'Its commands come {lag_s:.2f} s late, as if it acted on old frames.'
