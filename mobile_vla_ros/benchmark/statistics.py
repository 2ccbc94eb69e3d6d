"""Rates with intervals: no rate is shown without one."""

import math

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


def rate(flags) -> dict:
    """Return the share of true flags as {'rate', 'low', 'high', 'hits', 'trials'}."""
    flags = list(flags)
    hits = sum(map(bool, flags))
    low, high = wilson(hits, len(flags))
    return {'rate': hits / len(flags) if flags else None, 'low': low, 'high': high,
            'hits': hits, 'trials': len(flags)}
