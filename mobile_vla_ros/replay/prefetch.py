"""Work on the next items while this one is used."""

import queue
import threading

DEPTH = 8  # items that wait


def ahead(items):
    """Yield the items in their order, made in a thread of its own; its errors are raised here."""
    ready, wanted = queue.Queue(DEPTH), threading.Event()
    wanted.set()
    end = object()

    def put(row):
        while wanted.is_set():
            try:
                return ready.put(row, timeout=0.1)
            except queue.Full:
                continue

    def make():
        try:
            for item in items:
                put((item, None))
                if not wanted.is_set():
                    return
            put((end, None))
        except BaseException as error:  # for whoever waits
            put((end, error))

    thread = threading.Thread(target=make, name='ahead', daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is end:
                return
            yield item
    finally:
        wanted.clear()
        thread.join()
