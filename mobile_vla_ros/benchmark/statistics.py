"""Rates and their confidence intervals: no rate is shown without one."""

from collections.abc import Iterable
import math
from typing import Any

Z95 = 1.959964  # standard normal quantile of a two-sided 95 % interval


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """
    Return the 95 % score interval of a rate (Wilson 1927), (0, 1) without trials.

    :raises ValueError: if hits is not within 0..trials.
    """
    if not 0 <= hits <= trials:
        raise ValueError(f'hits must be within 0..{trials}, got {hits}')
    if not trials:
        return 0.0, 1.0
    share, spread = hits / trials, Z95 ** 2 / trials
    middle = share + spread / 2
    half = Z95 * math.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    return (max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread)))


def rate(flags: Iterable[object]) -> dict[str, Any]:
    """Return the share of true flags as {'rate', 'low', 'high', 'hits', 'trials'}."""
    hits, trials = 0, 0
    for flag in flags:
        hits, trials = hits + bool(flag), trials + 1
    low, high = wilson(hits, trials)
    return {'rate': hits / trials if trials else None, 'low': low, 'high': high,
            'hits': hits, 'trials': trials}
