"""The drive node's control code in the simulator's time: frames in, commands out."""

from typing import Any

from mobile_vla_ros.contract import Command, NS, Plan, STOP
from mobile_vla_ros.control.offline_pilot import OfflinePilot
from mobile_vla_ros.control.planner import AnyPolicy, Picture
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.control.schedule import RATE

PERIOD_S = 0.1  # between two frames: the rate at which the shipped policy was trained to look
STEPS = round(PERIOD_S * RATE)  # commands between two frames
STEP_S = PERIOD_S / STEPS


class Driver:
    """
    An armed pilot with an instruction, and the command that it gives for each step.

    Limits, pace and image timeout are the node's defaults. The node sends 20 commands a second
    by default and the camera gives 10 frames, so that two commands, each within the acceleration
    limit, answer one frame. The base is simulated in steps as long as that. A command counts
    from the beginning of the step in which it goes out, which is 8 ms early at most where the
    frames come regularly: the pace waits so long for a frame that may still come.
    """

    def __init__(self, policy: AnyPolicy, instruction: str, **settings: Any) -> None:
        """
        Begin an episode at 0 s.

        :param settings: rate, image_timeout, limits, stopping; for what is left out, the defaults.
        """
        self.command = STOP  # the newest one
        self.reason = Reason.INACTIVE
        self._pilot = OfflinePilot(policy, 0, self._take, **settings)
        self.on_instruction(instruction, 0.0)

    @property
    def error(self) -> str:
        """Return the last error of the policy, '' if it never failed."""
        return self._pilot.guard.error

    def on_instruction(self, text: str, now_s: float) -> None:
        """Take another instruction."""
        self._pilot.on_instruction(text, round(now_s * NS))

    def on_frame(self, rgb: Picture | None, stamp_s: float, now_s: float) -> Plan | None:
        """Take a frame as OfflinePilot does; return its plan, None if it gets none."""
        return self._pilot.on_frame(rgb, round(stamp_s * NS), round(now_s * NS))

    def command_until(self, end_s: float) -> Command:
        """Return the command for the step that ends at `end_s`."""
        self._pilot.advance(round(end_s * NS))
        return self.command

    def _take(self, now_ns: int, command: Command, reason: Reason) -> None:
        self.command, self.reason = command, reason


class Deaf:
    """A policy that is given a blank text, while the guard knows the instruction."""

    def __init__(self, policy: AnyPolicy) -> None:
        """Take the policy that is not to hear anything."""
        self._policy = policy
        self.sha256, self.backend = policy.sha256, policy.backend

    def reset(self) -> None:
        """Forget the earlier frames."""
        self._policy.reset()

    def plan(self, rgb: Picture, instruction: str, stamp_ns: int) -> Plan:
        """Return the commands from `stamp_ns` on, whatever the instruction is."""
        return self._policy.plan(rgb, '', stamp_ns)
