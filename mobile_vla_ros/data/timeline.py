"""When what was recorded is due again. No ROS, no clock: times are passed in."""

from mobile_vla_ros.contract import NS


class Timeline:
    """Steady times at which the moments of a bag are due; can be paused."""

    def __init__(self, rate: float, now_ns: int) -> None:
        """Begin at `now_ns`, at `rate` times real time."""
        self._rate, self._zero_ns = rate, now_ns
        self._paused_ns: int | None = None

    @property
    def paused(self) -> bool:
        """Tell whether nothing becomes due."""
        return self._paused_ns is not None

    def pause(self, wanted: bool, now_ns: int) -> None:
        """Pause from now on, or go on from where it was paused."""
        if wanted and self._paused_ns is None:
            self._paused_ns = now_ns
        elif self._paused_ns is not None and not wanted:
            self._zero_ns += now_ns - self._paused_ns
            self._paused_ns = None

    def at_ns(self, now_ns: int) -> int:
        """Return how far into the bag it is, ns."""
        end_ns = now_ns if self._paused_ns is None else self._paused_ns
        return round((end_ns - self._zero_ns) * self._rate)

    def wait_s(self, offset_ns: int, now_ns: int) -> float | None:
        """Return the seconds until the moment `offset_ns` is due, 0 if it is, None if paused."""
        if self.paused:
            return None
        return max(0.0, (offset_ns - self.at_ns(now_ns)) / self._rate / NS)
