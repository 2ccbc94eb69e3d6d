"""When to publish: at a steady rate, in step with the camera where their rates agree. No ROS."""

GRACE = 0.15  # of a period: how far from its due time an output may follow its frame
SLEW = 0.02  # of a period: how fast the due times move towards the frames
LOCK, LOCK_MAX, LOCK_LOSS = 3, 10, 3


class Pace:
    """
    Due times a period apart, drawn slowly towards the times at which plans come in.

    Publishing by a free-running timer adds half a period of delay on average; publishing at
    every plan lets the camera set the rate. Here a plan that comes close to its due time is
    published at once, and the mean rate stays within SLEW of the one asked for.
    """

    def __init__(self, period_ns: int, now_ns: int) -> None:
        """Be due at once."""
        self.period_ns = period_ns
        self.due_ns = now_ns
        self._score = 0
        self._drawn = False  # since the last output: a fast camera must not draw many times

    @property
    def locked(self) -> bool:
        """Tell whether plans have lately come close to the due times."""
        return self._score >= LOCK

    @property
    def wake_ns(self) -> int:
        """Return when to publish even if no plan comes: a little late when one is expected."""
        return self.due_ns + (int(self.period_ns * GRACE) if self.locked else 0)

    def arrived(self, now_ns: int) -> bool:
        """Take note of a plan; True if it is to be published now."""
        error = now_ns - self.due_ns
        phase = (error + self.period_ns // 2) % self.period_ns - self.period_ns // 2
        near = abs(phase) <= self.period_ns * GRACE
        self._score = min(self._score + 1, LOCK_MAX) if near else max(self._score - LOCK_LOSS, 0)
        slew = 0 if self._drawn else int(self.period_ns * SLEW)
        self.due_ns += min(max(phase, -slew), slew)
        self._drawn = True
        return self.locked and near and error >= -self.period_ns * GRACE

    def sent(self, now_ns: int) -> None:
        """Take note of an output: due again in a period; an output out of turn changes nothing."""
        if now_ns >= self.due_ns - self.period_ns * GRACE:
            self.due_ns += self.period_ns
            self._drawn = False
        if self.due_ns <= now_ns:  # overslept: go on from here, without a burst
            self.due_ns = now_ns + self.period_ns
