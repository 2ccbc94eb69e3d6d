"""When a command goes out: the step that node, replay and benchmark share. No clock, no ROS."""

from mobile_vla_ros.contract import NS, STOP
from mobile_vla_ros.control.guard import Guard
from mobile_vla_ros.control.pace import Pace
from mobile_vla_ros.control.planner import Frame
from mobile_vla_ros.control.reasons import Decision, Reason

RATE = 20.0  # commands per second, by default


class Schedule:
    """
    Asks the guard for a command: at a steady pace, and at a plan that comes near its turn.

    A STOP does not wait for its turn: it is due when what is driven by becomes too old, and at
    once when `must_stop` says so.
    """

    def __init__(self, guard: Guard, rate: float, now_ns: int) -> None:
        """Be due at once, and then `rate` times a second."""
        self.guard = guard
        self.active = True  # else only zeros go out
        self.last = STOP  # what went out
        self._pace = Pace(int(NS / rate), now_ns)
        self._planned: Frame | None = None  # the newest frame with a plan

    @property
    def due_ns(self) -> int:
        """Return when the next command is due."""
        wake_ns = self._pace.wake_ns
        return min(wake_ns, self.guard.deadline_ns() or wake_ns) if self.active else wake_ns

    def must_stop(self, now_ns: int) -> bool:
        """Tell whether the base moves and may not, so that a STOP must not wait for its turn."""
        return self.active and self.last != STOP \
            and self.guard.reason(now_ns) is not Reason.DRIVING

    def accept_plan(self, frame: Frame, now_ns: int) -> bool:
        """Take note of a frame's plan; True if its command goes out now.

        The second plan for one frame, made for another instruction, waits for its turn.
        """
        if not self.active or frame is self._planned:
            return False
        self._planned = frame
        return self._pace.arrived(now_ns)

    def decide(self, now_ns: int) -> Decision:
        """Return what goes out now."""
        decision = self.guard.tick(now_ns) if self.active else Decision(STOP, Reason.INACTIVE)
        self.last = decision.command
        self._pace.sent(now_ns)
        return decision
