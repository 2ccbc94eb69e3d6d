"""Prepare the next items while the current one is used."""

from collections.abc import Iterable, Iterator
import queue
import threading
from typing import TypeVar

DEPTH = 8  # items that wait
PATIENCE_S = 0.1  # between looks whether anybody still wants an item

Item = TypeVar('Item')


def prefetch(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items in order; a thread makes them. An error in it is raised here."""
    ready: queue.Queue[tuple] = queue.Queue(DEPTH)  # (item,), () at the end, (None, error)
    stopped = threading.Event()

    def put(entry: tuple) -> None:
        while not stopped.is_set():
            try:
                return ready.put(entry, timeout=PATIENCE_S)
            except queue.Full:
                continue

    def make() -> None:
        try:
            for item in items:
                put((item,))
                if stopped.is_set():
                    return
            put(())
        except BaseException as error:  # raised again where the items are used
            put((None, error))

    thread = threading.Thread(target=make, name='prefetch', daemon=True)
    thread.start()
    try:
        while entry := ready.get():
            if len(entry) == 2:
                raise entry[1]
            yield entry[0]
    finally:
        stopped.set()
        thread.join()
