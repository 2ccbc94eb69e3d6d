"""Stamps of the messages in a bag, where the clock was set while it was recorded."""

from typing import Any

from mobile_vla_ros.contract import NS


class Stamps:
    """
    Moves the stamps of messages as the times of their receipt are moved.

    Where the clock of receipt was set, the clock of the stamps may have been set with it, or may
    be another one. A message is taken to be as old as those before it.
    """

    def __init__(self) -> None:
        """Begin with times as they are."""
        self._moved_ns, self._step_ns = 0, 0
        self._ages_ns: dict[str, int] = {}  # by kind, from the stamp to the receipt
        self._shifts_ns: dict[str, int] = {}  # by kind, what is added to stamps in this part
        self._newest_ns: int | None = None

    def begin(self, moved_ns: int) -> None:
        """Begin a part of the bag; the times of its messages are moved by `moved_ns`."""
        self._moved_ns, self._step_ns = moved_ns, moved_ns - self._moved_ns
        self._shifts_ns = {}

    def of(self, kind: str, msg: Any, received_ns: int) -> tuple[int, int]:
        """Return the stamp of a message, ns, and what was added to it."""
        header = getattr(msg, 'header', None)
        stamp_ns = header.stamp.sec * NS + header.stamp.nanosec if header else 0
        if not stamp_ns:
            return received_ns, 0
        age_ns = received_ns - self._moved_ns - stamp_ns
        if kind not in self._shifts_ns:
            older_ns = age_ns - self._ages_ns.get(kind, age_ns)
            of_another_clock = abs(older_ns) > abs(self._step_ns) / 2
            self._shifts_ns[kind] = self._moved_ns + (older_ns if of_another_clock else 0)
        self._ages_ns[kind] = age_ns
        return stamp_ns + self._shifts_ns[kind], self._shifts_ns[kind]

    def is_new(self, stamp_ns: int) -> bool:
        """Tell whether a stamp is newer than all that were asked for before."""
        if self._newest_ns is not None and stamp_ns <= self._newest_ns:
            return False
        self._newest_ns = stamp_ns
        return True
