"""A thread that works on the newest item only: one slot, no queue. No ROS."""

from collections.abc import Callable
import threading
from typing import Generic, TypeVar

Item = TypeVar('Item')


class LatestWorker(Generic[Item]):
    """Calls `work(item)` in a thread of its own; items that it has no time for are replaced."""

    def __init__(self, work: Callable[['LatestWorker[Item]', Item], object],
                 on_error: Callable[['LatestWorker[Item]', Exception], object] =
                 lambda worker, error: None) -> None:
        """
        Start the thread; a daemon, so that work that hangs cannot keep the process alive.

        :param work: takes (this worker, item).
        :param on_error: takes (this worker, the exception) that `work` raised; it goes on then.
        """
        self._work, self._on_error = work, on_error
        self._ready = threading.Condition()
        self._slot: Item | None = None  # what waits
        self._item: Item | None = None  # what was worked on last
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name='inference', daemon=True)
        self._thread.start()

    @property
    def stopped(self) -> bool:
        """Tell whether results are wanted no more."""
        return self._stopped

    def offer(self, item: Item) -> bool:
        """Put an item into the slot; True if it replaces one that was never worked on."""
        with self._ready:
            replaced = self._slot is not None and self._slot is not self._item
            self._slot = item
            self._ready.notify()
        return replaced

    def again(self, item: Item) -> None:
        """Put an item into the slot if it is empty."""
        with self._ready:
            if self._slot is None:
                self._slot = item
                self._ready.notify()

    def stop(self, timeout_s: float) -> bool:
        """End the thread; False if its work did not return in time."""
        with self._ready:
            self._stopped = True
            self._slot = None
            self._ready.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._ready:
                while self._slot is None and not self._stopped:
                    self._ready.wait()
                if self._stopped or self._slot is None:
                    return
                item = self._item = self._slot
                self._slot = None
            try:
                self._work(self, item)
            except Exception as error:  # a thread that ends works on nothing ever again
                self._on_error(self, error)
