"""
Limits that a result must keep, for the user's own CI.

A specification is YAML. It maps a dotted path into the result's JSON to what the value there must
be. A name on the path may have dots of its own.

    rates.success.low: {min: 0.80}
    parts.frames 0.1 s late.success.rate: {min: 0.90}
    scores.policy.mae.linear_y: {max: 0.1}
    scores.policy.mae.linear_x: {below: scores.mean.mae.linear_x, times: 0.5}
"""

from pathlib import Path
from typing import Any

from mobile_vla_ros.contract import AXES
from mobile_vla_ros.yaml_file import read_yaml

Rule = dict[str, Any]  # min, max: numbers; below: a path; times: a factor of what is below
KEYS = {'min', 'max', 'below', 'times'}


def read_spec(path: str | Path) -> dict[str, Rule]:
    """
    Read and check a specification.

    :raises FileNotFoundError: if the file does not exist.
    :raises ValueError: for a line that is not understood; it names the line and what is allowed.
    """
    spec = read_yaml(path, 'a gate needs lines such as `rates.success.low: {min: 0.8}`')
    for name, rule in spec.items():
        if not isinstance(rule, dict) or not rule or set(rule) - KEYS or set(rule) == {'times'}:
            raise ValueError(f'{path}: {name}: {rule!r:.200} is not understood; it takes '
                             f'{", ".join(sorted(KEYS))}')
        for key, value in rule.items():
            if not isinstance(value, str if key == 'below' else (int, float)) \
                    or isinstance(value, bool):
                raise ValueError(f'{path}: {name}: {key} {value!r:.80} must be a '
                                 f'{"path" if key == "below" else "number"}')
    return spec


def failures(result: dict[str, Any], spec: dict[str, Rule]) -> list[str]:
    """
    Return a line for every limit that `result` breaks. A value that was not measured breaks it.

    :raises ValueError: for a path that the result does not have.
    """
    broken: list[str] = []
    for name, rule in spec.items():
        value = lookup(result, name)
        if value is None:
            broken.append(f'{name} was not measured')
            continue
        limits = [('min', rule.get('min')), ('max', rule.get('max'))]
        if 'below' in rule:
            other = lookup(result, rule['below'])
            if other is None:
                broken.append(f'{rule["below"]} was not measured')
                continue
            limits.append(('max', rule.get('times', 1.0) * other))
        for kind, limit in limits:
            if limit is not None and not (value >= limit if kind == 'min' else value <= limit):
                broken.append(f'{name} is {value:.4g}, {kind} is {limit:.4g}')
    return broken


def lookup(result: dict[str, Any], path: str) -> float | None:
    """
    Return the number at a dotted path, None if it was not measured.

    A list is indexed by the names of the axes.

    :raises ValueError: if the result has no such path, or no number there.
    """
    place: Any
    place, parts = result, path.split('.')
    while parts:
        part, count = parts[0], 1
        if isinstance(place, list) and part in AXES:
            place = place[AXES.index(part)]
        elif isinstance(place, dict) and (count := _named(place, parts)):
            place = place['.'.join(parts[:count])]
        else:
            choices = ', '.join(map(str, place)) if isinstance(place, dict) else \
                ', '.join(AXES) if isinstance(place, list) else 'a value'
            raise ValueError(f'the result has no {path}: at {part!r} there is {choices}')
        parts = parts[count:]
    if place is not None and not isinstance(place, (int, float)):
        raise ValueError(f'{path} is not a number in the result')
    return place


def _named(place: dict[str, Any], parts: list[str]) -> int:
    """Return how many of the first parts make the longest name in `place`, 0 if none do."""
    return next((n for n in range(len(parts), 0, -1) if '.'.join(parts[:n]) in place), 0)
