"""Every figure of replayed recordings, as plain values."""

from collections import Counter
import hashlib

import numpy as np

from mobile_vla_ros.contract import AXES
from mobile_vla_ros.control.guard import Reason
from mobile_vla_ros.inference.policy import Policy
from mobile_vla_ros.replay.log import Drive, REASONS
from mobile_vla_ros.replay.rewordings import NAMES

MOVING = 0.05  # m/s, rad/s: below, a command has no direction
SHIFTS = 5  # frames by which commands may be late or early and still be found so
CLOCKS_S = 1.0  # a frame older than this, or from the future, is taken for a clock that is off


def summarise(drives: list[Drive], policy: Policy, replay_s: float) -> dict:
    """Return every figure as plain values; but for 'timing', equal for equal input."""
    recorded = np.concatenate([d.recorded for d in drives])
    predicted = np.concatenate([d.predicted for d in drives])
    rivals = {'policy': predicted, 'zero': np.zeros_like(recorded),
              'mean': np.broadcast_to(recorded.mean(0), recorded.shape),
              'repeat-last': np.concatenate([d.before for d in drives])}
    episodes = np.repeat(np.arange(len(drives)), [len(d.stamps) for d in drives])
    return {
        'checkpoint_sha256': policy.sha256, 'data_digest': policy.metadata.data.get('digest'),
        'model': policy.metadata.model, 'axes': list(AXES),
        'frames': sum(d.frames for d in drives), 'frames_compared': len(recorded),
        'scores': {name: _score(values, recorded, episodes) for name, values in rivals.items()},
        'instruction_sensitivity': {name: _difference(drives, name) for name in NAMES},
        'lag_s': _lag(drives),
        'frame_age_ms': frame_age(drives),
        'by_scenario': _groups(drives, 'scenario'), 'by_distance': _groups(drives, 'distance'),
        'recordings': [_describe(d) for d in drives],
        'timing': _timing(drives, replay_s),
    }


def frame_age(drives) -> dict | None:
    """
    Return how old frames were when they came, ms; None where their clock is not the receiver's.

    Frames without stamps of their own count as new: all zeros are not known either.
    """
    ages = np.concatenate([d.ages_s for d in drives])
    if not ages.any() or not 0.0 <= np.median(ages) <= CLOCKS_S:
        return None
    return {name: round(1e3 * float(np.percentile(ages, share)), 3)
            for name, share in (('p50', 50), ('p95', 95), ('p99', 99), ('max', 100))}


def _score(values, recorded, episodes) -> dict:
    """Return errors per axis; intervals over resampled recordings where there are several."""
    terms = _terms(values, recorded)
    out = _measures(terms.sum(0))
    count = int(episodes.max()) + 1
    if count > 1:
        rng = np.random.default_rng(0)
        per = np.stack([terms[episodes == i].sum(0) for i in range(count)])
        draws = _measures(per[rng.integers(count, size=(1000, count))].sum(1))
        for name, found in draws.items():  # (draws, axes)
            known = np.isfinite(found).all(0)
            low, high = np.percentile(np.where(known, found, 0.0), (2.5, 97.5), 0)
            out[f'{name}_low'] = np.where(known, low, np.nan)
            out[f'{name}_high'] = np.where(known, high, np.nan)
    return {name: _plain(value) for name, value in out.items()}


def _terms(values, recorded) -> np.ndarray:
    """Return of every frame what measures are made of, (frames, terms, axes)."""
    error, moving = values - recorded, np.abs(recorded) > MOVING
    agree = moving & (np.sign(values) == np.sign(recorded))
    return np.stack([np.ones_like(error), np.abs(error), error ** 2, recorded, recorded ** 2,
                     moving, agree], 1)


def _measures(sums) -> dict:
    """Return the measures of frames whose terms sum up to `sums` (..., terms, axes)."""
    count, absolute, squared, value, square, moving, agree = np.moveaxis(sums, -2, 0)
    spread = square / count - (value / count) ** 2
    return {'mae': absolute / count, 'rmse': np.sqrt(squared / count),
            'r2': np.where(spread > 1e-9, 1 - squared / count / np.maximum(spread, 1e-9), np.nan),
            'direction': np.where(moving > 0, agree / np.maximum(moving, 1), np.nan)}


def _lag(drives) -> float | None:
    """
    Return the seconds by which the policy's commands come after the recorded ones they fit best.

    The least squared error over shifts by whole frames, and a parabola through its neighbours;
    None where the recorded commands do not change, or are too few.
    """
    drives = [d for d in drives if len(d.stamps) > 4 * SHIFTS]
    if not drives or max(np.std(d.recorded, 0).max() for d in drives) < MOVING:
        return None
    shifts = range(-SHIFTS, SHIFTS + 1)
    errors = np.zeros(len(shifts))
    for d in drives:
        recorded, predicted = d.recorded[SHIFTS:-SHIFTS], d.predicted
        for i, shift in enumerate(shifts):
            start = SHIFTS + shift
            errors[i] += ((predicted[start:start + len(recorded)] - recorded) ** 2).sum()
    best = int(errors.argmin())
    shift = shifts[best]
    if 0 < best < len(errors) - 1:
        before, here, after = errors[best - 1:best + 2]
        if before + after > 2 * here:
            shift += (before - after) / (2 * (before + after - 2 * here))
    period = np.median(np.concatenate([np.diff(d.seconds_at) for d in drives]))
    return round(float(shift * period), 4)


def _difference(drives, name) -> list | None:
    """Return per axis how far commands move when only the words change, mean over frames."""
    pairs = np.concatenate([d.answers(name) for d in drives])  # (n, 2, 3)
    return _plain(np.abs(pairs[:, 1] - pairs[:, 0]).mean(0)) if len(pairs) else None


def _groups(drives, label) -> dict:
    """Return what a label that recorders note (scenario, distance) makes of the errors."""
    found = {}
    for drive in drives:
        if drive.info.get(label):
            found.setdefault(drive.info[label], []).append(drive)
    return {value: _group(found[value]) for value in sorted(found)}


def _group(drives) -> dict:
    recorded = np.concatenate([d.recorded for d in drives])
    predicted = np.concatenate([d.predicted for d in drives])
    measured = _measures(_terms(predicted, recorded).sum(0))
    return {'recordings': len(drives), 'frames': len(recorded), 'mae': _plain(measured['mae']),
            'mae_mean': _plain(np.abs(recorded.mean(0) - recorded).mean(0)),
            'direction': _plain(measured['direction'])}


def _plain(values) -> list:
    return [round(float(v), 6) if np.isfinite(v) else None for v in values]


def _describe(drive) -> dict:
    sent = drive.sent
    reasons = Counter(REASONS[int(index)].text for index in sent[:, 4])
    return {'name': drive.name, 'instruction': drive.instruction,
            'scenario': drive.info.get('scenario', ''), 'distance': drive.info.get('distance', ''),
            'seconds': round(drive.seconds, 3), 'frames': drive.frames,
            'unreadable': drive.tally.unreadable, 'why_unreadable': drive.tally.words,
            'assumed': drive.tally.assumption, 'compared': len(drive.stamps),
            'not_compared': dict(drive.unused), 'messages': drive.reading.as_dict(),
            'mae': _plain(np.abs(drive.predicted - drive.recorded).mean(0)),
            'reworded': dict(drive.reworded),
            'sent': {reason: reasons[reason] for reason in sorted(reasons)},
            'stopped_share': round(1 - reasons[Reason.DRIVING.text] / max(1, len(sent)), 4),
            'stops': [{'from_s': round(first, 3), 'to_s': round(last, 3), 'reason': reason.text}
                      for first, last, reason in drive.stops()],
            'predicted_sha256': hashlib.sha256(drive.predicted.tobytes()).hexdigest(),
            'sent_sha256': hashlib.sha256(sent.tobytes()).hexdigest()}


def _timing(drives, replay_s) -> dict:
    took = np.concatenate([d.took_ms for d in drives])
    return {'policy_ms_p50': round(float(np.percentile(took, 50)), 3),
            'policy_ms_p99': round(float(np.percentile(took, 99)), 3),
            'replay_s': round(replay_s, 3),
            'times_real_time': round(sum(d.seconds for d in drives) / max(replay_s, 1e-9), 2)}
