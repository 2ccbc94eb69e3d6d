"""What the diagnostics are made of: the state of a pilot in, statuses out."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from mobile_vla_ros.control.guard import Guard
from mobile_vla_ros.control.reasons import Reason

OK, WARN, ERROR = 0, 1, 2
Publisher = tuple[str, str]  # node, type
Words = tuple[int, str]  # level, message


class Status(NamedTuple):
    """One line of the diagnostics."""

    name: str
    level: int  # OK, WARN, ERROR
    message: str
    values: dict[str, Any]


@dataclass(frozen=True)
class PilotState:
    """What the statuses are told of, besides what health has noted."""

    node: str
    topic: str  # of the images
    image_type: str  # that is wanted there
    now_ns: int
    active: bool
    reason: Reason
    policy: dict[str, Any]  # what is said of it
    guard: Guard

    @property
    def error(self) -> str:
        """Return the policy's last error if it still fails, else ''."""
        return self.guard.error if self.guard.failures else ''
