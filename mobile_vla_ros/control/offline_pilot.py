"""The drive node's way from a frame to a limited command, in a time that is given to it."""

from mobile_vla_ros.contract import NS, Plan
from mobile_vla_ros.control.guard import Guard, Limits
from mobile_vla_ros.control.pace import Pace
from mobile_vla_ros.inference.policy import Policy


class Pipeline:
    """Policy, Guard and Pace as the node connects them, on a machine that computes in no time."""

    def __init__(self, policy: Policy, start_ns: int, sink, rate: float = 20.0,
                 image_timeout: float = 0.25, limits: Limits | None = None):
        """
        Start armed, without an instruction.

        :param sink: takes (ns, Command, Reason) of everything that is sent.
        """
        self.policy, self.guard = policy, Guard(limits or Limits(), int(image_timeout * NS))
        self.guard.arming.arm()
        self.pace = Pace(int(NS / rate), start_ns)
        self._sink = sink
        self._frame = None  # (rgb, stamp, received) of the newest one accepted

    def instruct(self, text: str, now_ns: int) -> None:
        """Take an instruction as the node does; the newest frame is planned for anew."""
        self.advance(now_ns)
        if self.guard.instruct(text, now_ns):
            self.policy.reset()
            if text and self._frame:
                self._plan(*self._frame)

    def advance(self, now_ns: int) -> None:
        """Send what is due before `now_ns`."""
        while (due := min(self.pace.wake_ns, self.guard.deadline_ns() or self.pace.wake_ns)) \
                < now_ns:
            self._emit(due)

    def frame(self, rgb, stamp_ns: int, now_ns: int) -> Plan | None:
        """Take a frame, None if it was unreadable; return its plan, None if it gets none."""
        self.advance(now_ns)
        if not self.guard.frame(stamp_ns, now_ns, now_ns - stamp_ns):
            return None
        self._frame = rgb, stamp_ns, now_ns
        plan = self._plan(rgb, stamp_ns, now_ns)
        if plan and self.pace.arrived(now_ns):
            self._emit(now_ns)
        return plan

    def _plan(self, rgb, stamp_ns, now_ns) -> Plan | None:
        if rgb is None:
            self.guard.unreadable()
            return None
        if not self.guard.instruction or self.guard.faulted:
            return None
        try:
            plan = self.policy.plan(rgb, self.guard.instruction, stamp_ns)
        except ValueError as error:  # as in the node: the base stops
            self.guard.failed(str(error))
            return None
        return plan if self.guard.plan(plan, self.guard.instruction, stamp_ns, now_ns) else None

    def _emit(self, now_ns):
        self._sink(now_ns, *self.guard.tick(now_ns))
        self.pace.sent(now_ns)
