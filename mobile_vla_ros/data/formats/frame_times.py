"""Make and check the times of imported frames, in ns."""

from pathlib import Path

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.formats.source_files import SourceError

MOST_HZ = 100.0  # no camera of such robots is faster, so faster times are wrong
END_S = 2**31  # a ROS 2 stamp must be less


def nanoseconds(time: float, unit_ns: int = NS) -> int:
    """Return a finite time as ns, cut to +-END_S, which `check_times` refuses."""
    most = END_S * NS // unit_ns
    return round(min(max(time, -most), most) * unit_ns)


def steady(start_ns: int, count: int, rate_hz: float) -> list[int]:
    """Return evenly spaced times of `count` frames; from 1 s on if no stamp can be `start_ns`."""
    start = start_ns if 0 < start_ns < END_S * NS else NS
    return [start + nanoseconds(i / rate_hz) for i in range(count)]


def check_times(path: Path, stamps: list[int]) -> None:
    """
    Check the times of frames, ns.

    :raises SourceError: if they go back, do not fit into a stamp, or are too fast for a camera.
    """
    back = next((i for i in range(1, len(stamps)) if stamps[i] < stamps[i - 1]), 0)
    if back:
        raise SourceError(f'{path}: its times go back after frame {back}; sort it, or give the '
                          'true rate with --rate')
    wrong = next((stamp for stamp in (stamps[0], stamps[-1]) if not 0 < stamp < END_S * NS), None)
    if wrong is not None:
        raise SourceError(f'{path}: has a frame at {wrong / NS:.6g} s, must be more than 0 and '
                          f'less than {END_S} s; give the true rate with --rate')
    seconds = (stamps[-1] - stamps[0]) / NS
    if len(stamps) > 1 and (len(stamps) - 1) / max(seconds, 1e-9) > MOST_HZ:
        raise SourceError(f'{path}: its times say {len(stamps)} frames in {seconds:.2f} s; '
                          'give the true rate with --rate')
