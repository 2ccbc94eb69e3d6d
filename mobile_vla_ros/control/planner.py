"""From a frame to a plan that the guard accepts: the steps that node, replay and benchmark share.

Pure code: no clock, no threads, no ROS. `Planner.ask` takes as long as the policy takes, so the
node calls it without its lock; `submit` is quick, and is called under it.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from mobile_vla_ros.contract import Plan
from mobile_vla_ros.control.guard import Guard
from mobile_vla_ros.errors import summary_of

Picture = npt.NDArray[np.uint8]


class AnyPolicy(Protocol):
    """What is asked for plans: an `inference.policy.Policy`, or what behaves as one."""

    sha256: str
    backend: str

    def reset(self) -> None:
        """Forget the earlier frames."""

    def plan(self, rgb: Picture, instruction: str, stamp_ns: int) -> Plan:
        """Return the commands from `stamp_ns` on."""


class Frame(NamedTuple):
    """An image with its stamp and the steady time at which it came."""

    msg: Any  # a message that is not decoded yet; or its pixels; None: unreadable
    stamp_ns: int
    received_ns: int
    stamped: bool = True  # by the camera; else the stamp is the time of receipt


class Answer(NamedTuple):
    """What a policy said to a frame."""

    frame: Frame
    instruction: str
    plan: Any  # a Plan, or whatever else a broken policy returns
    error: str  # '' unless it raised


class Planner:
    """Asks a policy for plans; the policy starts anew whenever what it remembers does not fit."""

    def __init__(self) -> None:
        """Know of nothing that the policy remembers."""
        self._task: tuple[AnyPolicy, str, bool] | None = None  # since the policy's last reset

    def forget(self) -> None:
        """Let the policy start anew at the next frame, whose stamp may be older."""
        self._task = None

    def ask(self, policy: AnyPolicy, rgb: Picture, instruction: str, frame: Frame) -> Answer:
        """
        Return a policy's answer to a frame; an exception of the policy is an answer too.

        The policy is reset before, if another policy or another instruction was planned for, or
        if the camera has begun to stamp its frames.
        """
        task = policy, instruction, frame.stamped
        try:
            if self._task != task:
                policy.reset()
                self._task = task
            return Answer(frame, instruction, policy.plan(rgb, instruction, frame.stamp_ns), '')
        except Exception as error:  # whatever a model raises, the base must stop
            return Answer(frame, instruction, None, summary_of(error))


def submit(answer: Answer, guard: Guard) -> bool:
    """Give an answer to the guard; True if it is a plan that may be driven by."""
    error, plan, frame = answer.error, answer.plan, answer.frame
    if not error:
        try:
            return guard.accept_plan(plan, answer.instruction, frame.stamp_ns, frame.received_ns)
        except Exception as raised:  # what it returned is no plan at all
            error = f'it returned {type(plan).__name__}, not a plan ({summary_of(raised)})'
    guard.note_failure(error)
    return False
