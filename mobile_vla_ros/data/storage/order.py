"""In which order messages came where clocks were set, or nothing came for long."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mobile_vla_ros.contract import NS

BACK_S = 0.05  # by which times of one topic may go back in a file and still be put in order
GAP_S = 5.0  # in which nothing comes on any topic, after which another part begins
JOIN_S = 1.5  # from one part to the next instead of what clocks say: more than pairs anything


class Part(NamedTuple):
    """Messages that follow each other by one clock."""

    rows: npt.NDArray[np.int64]  # places in what was given, by time
    moved_ns: int  # to be added to their times
    why: str  # it does not follow the part before, '' for the first


def parts(times_ns: npt.NDArray[np.int64], channels: npt.NDArray[np.int32]) -> list[Part]:
    """
    Cut messages where a clock was set back, and where nothing came for long.

    :param times_ns: (n,) when each came, in the order in which they lie in the file.
    :param channels: (n,) of each, any number.
    """
    if not len(times_ns):
        return []
    borders = [0, *_set_back(times_ns, channels), len(times_ns)]
    out: list[Part] = []
    zero_ns, end_ns = 0, 0
    for first, last in zip(borders, borders[1:]):
        rows = first + np.argsort(times_ns[first:last], kind='stable')
        times = times_ns[rows]
        with np.errstate(over='ignore'):  # from before 1970 to after 2200, it wraps
            steps = np.diff(times.astype(np.float64))
        cuts = [0, *(int(i) + 1 for i in np.flatnonzero(steps > GAP_S * NS)), len(rows)]
        for begin, end in zip(cuts, cuts[1:]):
            start_ns = int(times[begin])
            why, moved_ns = '', 0
            if not out:
                zero_ns = start_ns
            else:
                before_ns = int(times_ns[out[-1].rows[-1]])
                why = f'{_why(before_ns, start_ns, gap=begin > 0)}, ' \
                    f'{(end_ns - zero_ns) / NS:.1f} s after the start'
                moved_ns = end_ns + round(JOIN_S * NS) - start_ns
            out.append(Part(rows[begin:end], moved_ns, why))
            end_ns = int(times[end - 1]) + moved_ns
    return out


def _why(before_ns: int, start_ns: int, gap: bool) -> str:
    """Return in words why a part that begins at `start_ns` does not follow the one before."""
    if gap:
        return f'nothing comes for {_long((start_ns - before_ns) / NS)}'
    if start_ns < before_ns:
        return f'the clock goes back by {_long((before_ns - start_ns) / NS)}'
    return 'times go back'


def _set_back(times_ns: npt.NDArray[np.int64], channels: npt.NDArray[np.int32]) -> list[int]:
    """Return the places at which the times of a topic go back."""
    margin = round(BACK_S * NS)
    for channel in np.unique(channels):
        times = times_ns[channels == channel]
        if (times < np.maximum.accumulate(times) - margin).any():
            break
    else:
        return []
    places: list[int] = []
    latest_ns: dict[int, int] = {}  # by channel
    for place, (ns, number) in enumerate(zip(times_ns.tolist(), channels.tolist())):
        before = latest_ns.get(number, ns)
        if ns < before - margin:
            places.append(place)
            latest_ns = {number: ns}
        else:
            latest_ns[number] = max(ns, before)
    return places


def _long(seconds: float) -> str:
    for unit, size in (('days', 86400), ('hours', 3600)):
        if seconds >= 2 * size:
            return f'{seconds / size:.1f} {unit}'
    return f'{seconds:.1f} s'
