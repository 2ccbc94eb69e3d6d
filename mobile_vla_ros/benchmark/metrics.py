"""What the rows of a benchmark come to: how each ended, rates by group, how smoothly it drove."""

from typing import Any

import numpy as np

from mobile_vla_ros.benchmark.rollout import Job
from mobile_vla_ros.benchmark.statistics import rate
from mobile_vla_ros.contract import DISTANCES

Row = dict[str, Any]


def verdict(row: Row) -> str:
    """Return in words how an episode ended."""
    if row['success']:
        return f'reached in {row["seconds"]:.1f} s'
    if row['contacts']:
        return 'touched something'
    if row['side_ok'] is False:
        return f'passed on the {row["side"]}'
    if row['stopped']:
        return f'stopped at {row["bottle"] or "no bottle"}'
    return 'did not finish'


def driving_quartiles(rows: list[Row]) -> dict[str, Any]:
    """Return quartiles of path, time and roughness of the successful rows that carry a path."""
    good = [row for row in rows if row.get('success') and 'path' in row]
    if not good:
        return {}
    values = {
        "path, times the expert's": [r['path_m'] / r['expert_path_m'] for r in good],
        "time, times the expert's": [r['seconds'] / r['expert_seconds'] for r in good],
        'change of command (m/s per s)': [r['roughness'] for r in good]}
    return {name: dict(zip(('quarter', 'median', 'three quarters'),
                           np.quantile(value, (0.25, 0.5, 0.75)).round(4).tolist()))
            for name, value in values.items()}


def rates_by_group(rows: list[Row], job: Job) -> dict[str, Any]:
    """Return the rates of `rows`, grouped by each property of their scenes."""
    kinds = {'boxes': 'boxes', 'their long side': 'orientation', 'side': 'asked_side',
             'distance': 'distance', 'other bottles': 'distractors', 'language': 'language'}
    out = {}
    for name, key in kinds.items():
        present = {row[key] for row in rows}
        order = [v for v in DISTANCES if v in present] if key == 'distance' else sorted(present)
        out[name] = {str(value): summarise([row for row in rows if row[key] == value], job)
                     for value in order}
    return out


def summarise(rows: list[Row], job: Job) -> dict[str, Any]:
    """Return the rates of `rows`, each with its 95 % interval."""
    kept = [row for row in rows if row.get('reachable', True)]
    out: dict[str, Any] = {
        'success': rate(r['success'] for r in kept),
        'contact': rate(r['contacts'] > 0 for r in kept),
        'wrong_side': rate(r['side_ok'] is False for r in kept),
        'wrong_bottle': rate(r['stopped'] and r['bottle'] is not None and not r['bottle_ok']
                             for r in kept),
        'not_finished': rate(not r['stopped'] and not r['contacts'] for r in kept)}
    if job.swap == 'sides':
        out['side_obeyed'] = rate(r['side_ok'] is True for r in kept)
    if job.swap == 'colors':
        out['color_obeyed'] = rate(r['bottle_ok'] for r in kept)
    for language in sorted({r['language'] for r in kept}):
        out[f'success_{language}'] = rate(r['success'] for r in kept if r['language'] == language)
    if job.open_loop:
        errors = np.concatenate([np.array(r['errors']) for r in kept])  # (frames, 2, 3)
        out['mae'], out['constant_mae'] = errors.mean(0).round(5).tolist()
    return out
