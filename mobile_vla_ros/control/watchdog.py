"""Whether something comes often enough to drive by. Pure code: no clock, no ROS."""

import math


class Watchdog:
    """Alive while fed; after a gap longer than the timeout it wants `needed` feeds in a row."""

    def __init__(self, timeout_ns: int, needed: int = 3) -> None:
        """Start unfed, so not alive."""
        self.timeout_ns = timeout_ns
        self.needed = needed
        self.fed_ns: int | None = None
        self.streak = 0

    def feed(self, now_ns: int) -> None:
        """Take note of something fresh that came at `now_ns`; the same thing again is not."""
        if now_ns == self.fed_ns:
            return
        self.streak = 1 if self.expired(now_ns) else self.streak + 1
        self.fed_ns = now_ns

    def trip(self) -> None:
        """Distrust what came so far."""
        self.streak = 0

    def age_ns(self, now_ns: int) -> float:
        """Return how old the last of what came is, ns; infinity if nothing came."""
        return math.inf if self.fed_ns is None else now_ns - self.fed_ns

    @property
    def deadline_ns(self) -> int:
        """Return when the last of what came becomes too old; 0 if nothing came."""
        return 0 if self.fed_ns is None else self.fed_ns + self.timeout_ns + 1

    def expired(self, now_ns: int) -> bool:
        """Tell whether nothing came, or the last of it is too old."""
        return self.age_ns(now_ns) > self.timeout_ns

    def alive(self, now_ns: int) -> bool:
        """Tell whether what came is fresh and steady enough to drive by."""
        if self.expired(now_ns):
            self.trip()
        return self.streak >= self.needed
