"""Which command answers a picture: the first one after it, if it comes soon."""

from collections import deque
from typing import Generic, TypeVar

from mobile_vla_ros.contract import NS

PAIRED_S = 0.5  # from a picture to the command that answers it, at most

Picture = TypeVar('Picture')


class Unanswered(Generic[Picture]):
    """Pictures that wait for the next command."""

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: deque[tuple[int, Picture]] = deque()

    def add(self, received_ns: int, picture: Picture) -> None:
        """Let a picture wait; it was received after those that wait already."""
        self._waiting.append((received_ns, picture))

    def drop_late(self, now_ns: int) -> int:
        """Drop the pictures that a command at `now_ns` does not answer; return their number."""
        before = len(self._waiting)
        while self._waiting and now_ns - self._waiting[0][0] > PAIRED_S * NS:
            self._waiting.popleft()
        return before - len(self._waiting)

    def take(self) -> list[tuple[int, Picture]]:
        """Return the pictures that wait, with the time received of each, ns; none waits after."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting
