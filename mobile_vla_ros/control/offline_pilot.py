"""The drive node's way from a frame to a command, in a time that is given to it."""

from collections.abc import Callable

from mobile_vla_ros.contract import Command, NS, Plan
from mobile_vla_ros.control.guard import Guard, GuardConfig
from mobile_vla_ros.control.limits import Limits
from mobile_vla_ros.control.planner import AnyPolicy, Frame, Picture, Planner, submit
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.control.schedule import RATE, Schedule
from mobile_vla_ros.control.stopping import Stopping


class OfflinePilot:
    """
    What Pilot does, on a machine that computes in no time: for replay and the benchmark.

    Planner, Guard and Schedule are those of the node; only the clock is another one.
    """

    def __init__(self, policy: AnyPolicy, start_ns: int,
                 sink: Callable[[int, Command, Reason], object], rate: float = RATE,
                 image_timeout: float = GuardConfig.image_timeout_ns / NS,
                 limits: Limits = Limits(),  # noqa: B008 (it is frozen)
                 stopping: Stopping = Stopping()) -> None:  # noqa: B008 (likewise)
        """
        Start armed, without an instruction.

        :param sink: takes (ns, Command, Reason) of everything that is sent.
        :param rate: commands per second.
        :param image_timeout: s without a frame, after which the base is stopped.
        """
        self.policy = policy
        self.guard = Guard(GuardConfig(limits, int(image_timeout * NS), stopping=stopping))
        self.guard.arming.arm()
        self._planner = Planner()
        self._schedule = Schedule(self.guard, rate, start_ns)
        self._sink = sink
        self._frame: Frame | None = None  # the newest one accepted

    def on_instruction(self, text: str, now_ns: int) -> None:
        """Take an instruction as the node does; the newest frame is planned for anew."""
        self.advance(now_ns)
        if self.guard.accept_instruction(text, now_ns):
            if not text:
                self._hurry(now_ns)
            elif self._frame:
                self._plan(self._frame, now_ns)

    def on_frame(self, rgb: Picture | None, stamp_ns: int, now_ns: int) -> Plan | None:
        """
        Take a frame; return its plan, None if it gets none.

        :param rgb: uint8 (H, W, 3), None if it was unreadable.
        """
        self.advance(now_ns)
        if not self.guard.accept_frame(stamp_ns, now_ns, now_ns - stamp_ns):
            return None
        self._frame = Frame(rgb, stamp_ns, now_ns)
        return self._plan(self._frame, now_ns)

    def advance(self, now_ns: int) -> None:
        """Send what is due before `now_ns`."""
        while (due_ns := self._schedule.due_ns) < now_ns:
            self._send(due_ns)

    def _plan(self, frame: Frame, now_ns: int) -> Plan | None:
        if frame.msg is None:
            self.guard.note_unreadable()
            return None
        if not self.guard.wants_plan:
            return None
        answer = self._planner.ask(self.policy, frame.msg, self.guard.instruction, frame)
        if not submit(answer, self.guard):
            self._hurry(now_ns)
            return None
        if self._schedule.accept_plan(frame, now_ns):
            self._send(now_ns)
        plan: Plan = answer.plan
        return plan

    def _hurry(self, now_ns: int) -> None:
        """Let a STOP out at once; a command waits for its turn."""
        if self._schedule.must_stop(now_ns):
            self._send(now_ns)

    def _send(self, now_ns: int) -> None:
        self._sink(now_ns, *self._schedule.decide(now_ns))
