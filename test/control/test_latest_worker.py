"""A thread that works on the newest item only."""

import threading
import time

from mobile_vla_ros.control.latest_worker import LatestWorker


def test_the_worker_takes_the_newest_and_drops_the_rest():
    started, go, seen = threading.Event(), threading.Event(), []

    def work(worker, item):
        seen.append(item)
        started.set()
        go.wait(60.0)
    worker = LatestWorker(work)
    worker.offer(0)
    assert started.wait(60.0)
    worker.again(0)
    replaced = [worker.offer(item) for item in range(1, 5)]
    worker.again(99)  # the slot is taken
    go.set()
    end = time.monotonic() + 60.0
    while len(seen) < 2 and time.monotonic() < end:
        time.sleep(0.001)
    assert seen == [0, 4]
    assert replaced == [False, True, True, True], 'the first was worked on already'
    assert worker.stop(60.0)


def test_the_worker_is_left_when_its_work_hangs():
    started, go = threading.Event(), threading.Event()
    worker = LatestWorker(lambda worker, item: started.set() or go.wait(60.0))
    worker.again(1)
    assert started.wait(60.0)
    assert not worker.stop(0.05) and worker.stopped  # it would be true after the work's end
    go.set()


def test_the_worker_goes_on_after_work_that_raised():
    seen, erred = [], []

    def work(worker, item):
        seen.append(item)
        if item < 2:
            raise RuntimeError(f'no {item}')
    worker = LatestWorker(work, lambda worker, error: erred.append(str(error)))
    for item in range(3):
        worker.offer(item)
        end = time.monotonic() + 60.0
        while len(seen) <= item and time.monotonic() < end:
            time.sleep(0.001)
    assert seen == [0, 1, 2] and erred == ['no 0', 'no 1']
    assert worker.stop(60.0)
