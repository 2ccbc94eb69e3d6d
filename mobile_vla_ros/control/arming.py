"""Whether a person allows motion."""


class Arming:
    """
    Whether a person allows motion.

    `stop` latches: it disarms, and nothing arms until `reset`. A reset only clears the latch;
    it leaves the base disarmed, so that moving again always takes a second, deliberate act.
    """

    def __init__(self) -> None:
        """Start disarmed."""
        self.armed = False
        self.latched = False

    def arm(self) -> bool:
        """Allow motion; refused (False) while a stop is latched."""
        self.armed = not self.latched
        return self.armed

    def disarm(self) -> None:
        """Allow motion no more."""
        self.armed = False

    def stop(self) -> None:
        """Latch a stop."""
        self.armed = False
        self.latched = True

    def reset(self) -> None:
        """Clear the latch; stay disarmed."""
        self.armed = False
        self.latched = False
