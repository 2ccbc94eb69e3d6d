"""
Limits that a result must keep, for the user's own CI.

A specification is YAML, a dotted path into the result's JSON -> what it must be; a name in it may
have dots of its own:

    rates.success.low: {min: 0.80}
    parts.frames 0.1 s late.success.rate: {min: 0.90}
    scores.policy.mae.linear_y: {max: 0.1}
    scores.policy.mae.linear_x: {below: scores.mean.mae.linear_x, times: 0.5}
"""

from mobile_vla_ros.contract import AXES
from mobile_vla_ros.yaml_file import read_yaml

KEYS = {'min', 'max', 'below', 'times'}


def read_spec(path) -> dict:
    """
    Read and check a specification.

    :raises FileNotFoundError: if there is none.
    :raises ValueError: naming the line that is not understood, and what is allowed.
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


def failures(result: dict, spec: dict) -> list[str]:
    """
    Return a line for every limit that `result` does not keep; what was not measured fails.

    :raises ValueError: for a path that the result does not have.
    """
    out = []
    for name, rule in spec.items():
        value = lookup(result, name)
        if value is None:
            out.append(f'{name} was not measured')
            continue
        limits = [('min', rule.get('min')), ('max', rule.get('max'))]
        if 'below' in rule:
            other = lookup(result, rule['below'])
            if other is None:
                out.append(f'{rule["below"]} was not measured')
                continue
            limits.append(('max', rule.get('times', 1.0) * other))
        for kind, limit in limits:
            if limit is not None and not (value >= limit if kind == 'min' else value <= limit):
                out.append(f'{name} is {value:.4g}, {kind} is {limit:.4g}')
    return out


def lookup(result: dict, path: str):
    """Return the number at a dotted path; a list is indexed by the names of the axes."""
    place, parts = result, path.split('.')
    while parts:
        part, count = parts[0], 1
        if isinstance(place, list) and part in AXES:
            place = place[AXES.index(part)]
        elif isinstance(place, dict) and (count := _named(place, parts)):
            place = place['.'.join(parts[:count])]
        else:
            there = ', '.join(map(str, place)) if isinstance(place, dict) else \
                ', '.join(AXES) if isinstance(place, list) else 'a value'
            raise ValueError(f'the result has no {path}: at {part!r} there is {there}')
        parts = parts[count:]
    if place is not None and not isinstance(place, (int, float)):
        raise ValueError(f'{path} is not a number in the result')
    return place


def _named(place: dict, parts: list[str]) -> int:
    """Return how many parts make the longest name that is there; 0 if none is."""
    return next((n for n in range(len(parts), 0, -1) if '.'.join(parts[:n]) in place), 0)
