"""Every figure of replayed recordings, as plain values."""

from collections import Counter
from collections.abc import Sequence
import hashlib
from typing import Any

import numpy as np

from mobile_vla_ros.contract import AXES
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.inference.policy import Policy
from mobile_vla_ros.replay.log import REASONS, ReplayLog
from mobile_vla_ros.replay.rewordings import NAMES

MOVING = 0.05  # m/s, rad/s: below, a command has no direction
SHIFTS = 5  # frames; commands that are late or early by more are not recognised
CLOCKS_S = 1.0  # a frame older than this, or from the future, means that a clock is off
INTERVAL = (2.5, 97.5)  # percentiles of a 95 % interval
DRAWS = 1000  # of recordings, for an interval


def summarise(logs: list[ReplayLog], policy: Policy, replay_s: float) -> dict[str, Any]:
    """Return every figure as plain values; but for 'timing', the same for the same input."""
    recorded = np.concatenate([log.recorded for log in logs])
    predicted = np.concatenate([log.predicted for log in logs])
    rivals = {'policy': predicted, 'zero': np.zeros_like(recorded),
              'mean': np.broadcast_to(recorded.mean(0), recorded.shape),
              'repeat-last': np.concatenate([log.before for log in logs])}
    episodes = np.repeat(np.arange(len(logs)), [len(log.stamps) for log in logs])
    return {
        'checkpoint_sha256': policy.sha256, 'data_digest': policy.metadata.data.get('digest'),
        'model': policy.metadata.model, 'axes': list(AXES),
        'frames': sum(log.frames for log in logs), 'frames_compared': len(recorded),
        'scores': {name: _score(values, recorded, episodes) for name, values in rivals.items()},
        'instruction_sensitivity': {name: _difference(logs, name) for name in NAMES},
        'lag_s': _lag(logs),
        'frame_age_ms': frame_age(logs),
        'by_scenario': _groups(logs, 'scenario'), 'by_distance': _groups(logs, 'distance'),
        'recordings': [_describe(log) for log in logs],
        'timing': _timing(logs, replay_s),
    }


def frame_age(logs: Sequence[ReplayLog]) -> dict[str, float] | None:
    """
    Return how old frames were when they came, ms; None where their clock is not the receiver's.

    Frames without stamps of their own count as new, so ages that are all 0 are not known either.
    """
    ages = np.concatenate([log.ages_s for log in logs])
    if not ages.any() or not 0.0 <= np.median(ages) <= CLOCKS_S:
        return None
    return {name: round(1e3 * float(np.percentile(ages, share)), 3)
            for name, share in (('p50', 50), ('p95', 95), ('p99', 99), ('max', 100))}


def _score(values: np.ndarray, recorded: np.ndarray, episodes: np.ndarray) -> dict[str, list]:
    """Return errors per axis; intervals over resampled recordings where there are several."""
    terms = _terms(values, recorded)
    out = _measures(terms.sum(0))
    count = int(episodes.max()) + 1
    if count > 1:
        rng = np.random.default_rng(0)
        per_episode = np.stack([terms[episodes == i].sum(0) for i in range(count)])
        draws = _measures(per_episode[rng.integers(count, size=(DRAWS, count))].sum(1))
        for name, drawn in draws.items():  # (draws, axes)
            known = np.isfinite(drawn).all(0)
            low, high = np.percentile(np.where(known, drawn, 0.0), INTERVAL, 0)
            out[f'{name}_low'] = np.where(known, low, np.nan)
            out[f'{name}_high'] = np.where(known, high, np.nan)
    return {name: _plain(value) for name, value in out.items()}


def _terms(values: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    """Return the terms that measures are made of, for every frame: (frames, terms, axes)."""
    error, moving = values - recorded, np.abs(recorded) > MOVING
    agree = moving & (np.sign(values) == np.sign(recorded))
    return np.stack([np.ones_like(error), np.abs(error), error ** 2, recorded, recorded ** 2,
                     moving, agree], 1)


def _measures(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Return the measures from `sums` of the frames' terms (..., terms, axes)."""
    count, absolute, squared, value, square, moving, agree = np.moveaxis(sums, -2, 0)
    spread = square / count - (value / count) ** 2
    return {'mae': absolute / count, 'rmse': np.sqrt(squared / count),
            'r2': np.where(spread > 1e-9, 1 - squared / count / np.maximum(spread, 1e-9), np.nan),
            'direction': np.where(moving > 0, agree / np.maximum(moving, 1), np.nan)}


def _lag(logs: Sequence[ReplayLog]) -> float | None:
    """
    Return how much later the policy's commands come than the recorded ones they fit best, s.

    It is the shift by whole frames with the least squared error, made finer by a parabola
    through its neighbours. None where the recorded commands do not change, or are too few.
    """
    logs = [log for log in logs if len(log.stamps) > 4 * SHIFTS]
    if not logs or max(np.std(log.recorded, 0).max() for log in logs) < MOVING:
        return None
    shifts = range(-SHIFTS, SHIFTS + 1)
    errors = np.zeros(len(shifts))
    for log in logs:
        recorded, predicted = log.recorded[SHIFTS:-SHIFTS], log.predicted
        for i, shift in enumerate(shifts):
            start = SHIFTS + shift
            errors[i] += ((predicted[start:start + len(recorded)] - recorded) ** 2).sum()
    best = int(errors.argmin())
    by: float = shifts[best]
    if 0 < best < len(errors) - 1:
        before, here, after = errors[best - 1:best + 2]
        if before + after > 2 * here:
            by += (before - after) / (2 * (before + after - 2 * here))
    period = np.median(np.concatenate([np.diff(log.seconds_at) for log in logs]))
    return round(float(by * period), 4)


def _difference(logs: Sequence[ReplayLog], name: str) -> list | None:
    """Return per axis how far commands move when only the words change, mean over frames."""
    pairs = np.concatenate([log.reworded(name) for log in logs])  # (n, 2, 3)
    return _plain(np.abs(pairs[:, 1] - pairs[:, 0]).mean(0)) if len(pairs) else None


def _groups(logs: Sequence[ReplayLog], label: str) -> dict[str, dict]:
    """Return the errors by a label that recorders note: scenario or distance."""
    groups: dict[str, list[ReplayLog]] = {}
    for log in logs:
        if log.info.get(label):
            groups.setdefault(log.info[label], []).append(log)
    return {value: _group(groups[value]) for value in sorted(groups)}


def _group(logs: Sequence[ReplayLog]) -> dict[str, Any]:
    recorded = np.concatenate([log.recorded for log in logs])
    predicted = np.concatenate([log.predicted for log in logs])
    measured = _measures(_terms(predicted, recorded).sum(0))
    return {'recordings': len(logs), 'frames': len(recorded), 'mae': _plain(measured['mae']),
            'mae_mean': _plain(np.abs(recorded.mean(0) - recorded).mean(0)),
            'direction': _plain(measured['direction'])}


def _plain(values: np.ndarray) -> list[float | None]:
    return [round(float(v), 6) if np.isfinite(v) else None for v in values]


def _describe(log: ReplayLog) -> dict[str, Any]:
    sent = log.sent
    reasons = Counter(REASONS[int(index)].text for index in sent[:, 4])
    return {'name': log.name, 'instruction': log.instruction,
            'scenario': log.info.get('scenario', ''), 'distance': log.info.get('distance', ''),
            'seconds': round(log.seconds, 3), 'frames': log.frames,
            'unreadable': log.tally.unreadable, 'why_unreadable': log.tally.words,
            'assumed': log.tally.assumption, 'compared': len(log.stamps),
            'not_compared': dict(log.unused), 'messages': log.reading.as_dict(),
            'mae': _plain(np.abs(log.predicted - log.recorded).mean(0)),
            'reworded': dict(log.rewordings),
            'sent': {reason: reasons[reason] for reason in sorted(reasons)},
            'stopped_share': round(1 - reasons[Reason.DRIVING.text] / max(1, len(sent)), 4),
            'stops': [{'from_s': round(first, 3), 'to_s': round(last, 3), 'reason': reason.text}
                      for first, last, reason in log.stops()],
            'predicted_sha256': hashlib.sha256(log.predicted.tobytes()).hexdigest(),
            'sent_sha256': hashlib.sha256(sent.tobytes()).hexdigest()}


def _timing(logs: Sequence[ReplayLog], replay_s: float) -> dict[str, float]:
    took = np.concatenate([log.took_ms for log in logs])
    return {'policy_ms_p50': round(float(np.percentile(took, 50)), 3),
            'policy_ms_p99': round(float(np.percentile(took, 99)), 3),
            'replay_s': round(replay_s, 3),
            'times_real_time': round(sum(log.seconds for log in logs) / max(replay_s, 1e-9), 2)}
