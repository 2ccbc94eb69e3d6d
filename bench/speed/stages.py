"""Where a program's time goes, by what it calls; a stage's is without that of those within it."""

from collections import Counter
from inspect import isgenerator
import os
import time

REST = 'the rest'
SPENT, RUNNING = Counter(), [REST]  # seconds by stage; the stages that run, innermost last


def timed(call, stage: str):
    """Return a function, or generator, whose time counts as the stage's, not its caller's."""
    def charge(call, *args, **kwargs):
        started = time.perf_counter()
        RUNNING.append(stage)
        found = call(*args, **kwargs)
        RUNNING.pop()
        took = time.perf_counter() - started
        SPENT[stage] += took
        SPENT[RUNNING[-1]] -= took
        return found

    def charged(*args, **kwargs):
        found = charge(call, *args, **kwargs)
        return iter(lambda: charge(next, found, None), None) if isgenerator(found) else found
    return charged


def watch(places) -> None:
    """Charge every (owner, name, stage)'s calls to its stage, from now on."""
    for owner, name, stage in places:
        setattr(owner, name, timed(getattr(owner, name), stage))


def lap(seconds: float) -> Counter:
    """Return the seconds by stage since the lap before, of so many in all."""
    rest = SPENT.pop(REST, 0.0)  # less than nothing: what all stages took
    spent = Counter({**SPENT, REST: seconds + rest})
    SPENT.clear()
    return spent


def fastest(*calls, before=None, repeats: int = 3) -> list[Counter]:
    """Make calls in turn, each after `before`; return of each the fastest's seconds by stage."""
    laps = [[] for _ in calls]
    for _ in range(repeats):
        for call, mine in zip(calls, laps):
            if before:
                before()
            SPENT.clear()
            started = time.perf_counter()
            call()
            mine.append(lap(time.perf_counter() - started))
    return [min(mine, key=Counter.total) for mine in laps]


def forget(files) -> None:
    """Have the system drop its copies of files from memory."""
    for file in files:
        with file.open('rb') as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
