"""Where a program's time goes, stage by stage; a stage's time excludes the stages within it."""

from collections import Counter
from inspect import isgenerator
import os
import time

REST = 'the rest'
SPENT, RUNNING = Counter(), [REST]  # seconds by stage; the running stages, innermost last


def timed(call, stage: str):
    """Return a function, or generator, whose time is the stage's and not its caller's."""
    def charge(call, *args, **kwargs):
        started = time.perf_counter()
        RUNNING.append(stage)
        result = call(*args, **kwargs)
        RUNNING.pop()
        took = time.perf_counter() - started
        SPENT[stage] += took
        SPENT[RUNNING[-1]] -= took
        return result

    def charged(*args, **kwargs):
        result = charge(call, *args, **kwargs)
        return iter(lambda: charge(next, result, None), None) if isgenerator(result) else result
    return charged


def watch(places) -> None:
    """From now on, count the calls of every (owner, name, stage) as that stage's."""
    for owner, name, stage in places:
        setattr(owner, name, timed(getattr(owner, name), stage))


def lap(seconds: float) -> Counter:
    """Return the seconds by stage since the last lap, which took `seconds` in all."""
    rest = SPENT.pop(REST, 0.0)  # negative: the time of all stages
    spent = Counter({**SPENT, REST: seconds + rest})
    SPENT.clear()
    return spent


def fastest(*calls, before=None, repeats: int = 3) -> list[Counter]:
    """Make the calls in turn, each after `before`; return the fastest's seconds by stage."""
    laps = [[] for _ in calls]
    for _ in range(repeats):
        for call, own in zip(calls, laps):
            if before:
                before()
            SPENT.clear()
            started = time.perf_counter()
            call()
            own.append(lap(time.perf_counter() - started))
    return [min(own, key=Counter.total) for own in laps]


def forget(files) -> None:
    """Make the system drop its copies of files from memory."""
    for file in files:
        with file.open('rb') as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
