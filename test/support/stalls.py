"""Time as tests measure it: less what the machine itself lost meanwhile."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest

FIGURES = os.environ.get('MOBILE_VLA_FIGURES')
METRONOME = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
last = time.monotonic()
while os.getppid() == int(sys.argv[2]):
    time.sleep(0.005)
    now = time.monotonic()
    if now - last > 0.015:
        print(last, now - last - 0.005, flush=True)
    last = now
"""


class Stalls:
    """What the machine itself loses: a process on every core notes how late it is woken."""

    def __init__(self):
        self._noted = []  # (time s, lost s)
        for core in os.sched_getaffinity(0):
            child = subprocess.Popen(
                [sys.executable, '-c', METRONOME, str(core), str(os.getpid())],
                stdout=subprocess.PIPE, text=True)
            threading.Thread(target=self._read, args=(child,), daemon=True).start()

    def _read(self, child):
        for line in child.stdout:
            self._noted.append(tuple(map(float, line.split())))

    def since(self, start: float) -> float:
        """Return the seconds lost since a steady time; 0 on a calm machine."""
        time.sleep(0.01)  # for the notes of a stall that is just over
        return sum(lost for at, lost in list(self._noted) if at + lost >= start)


STALLS = None


def watch():
    """Note from now on what the machine loses."""
    global STALLS
    STALLS = STALLS or Stalls()


def stalled(start: float) -> float:
    """Return the seconds that the machine itself lost since a steady time."""
    return STALLS.since(start) if STALLS else 0.0


def waited() -> float:
    """Return the seconds since boot in which something waited for a core, 0 if none counts."""
    try:
        with open('/proc/pressure/cpu', encoding='ascii') as file:
            return int(file.readline().rsplit('=', 1)[1]) / 1e6
    except OSError:
        return 0.0


def short_of_cores(since: float, waited_then: float) -> bool:
    """Tell whether something had to wait for a core in a tenth of the time since then."""
    return waited() - waited_then > 0.1 * (time.monotonic() - since)


def assert_within(seconds: float, limit: float, start: float):
    """Check a time that began at `start` against its limit, less what the machine lost."""
    lost = stalled(start)
    if FIGURES:  # bench/robustness/faults.py collects them
        test = os.environ['PYTEST_CURRENT_TEST'].split('::')[-1]
        with open(FIGURES, 'a', encoding='utf-8') as file:
            file.write(json.dumps({'test': test, 'seconds': max(seconds - lost, 0.0),
                                   'limit': limit}) + '\n')
    assert seconds <= limit + lost, f'{seconds:.3f} s > {limit} s (machine lost {lost:.3f} s)'


def wait_for(condition, seconds: float, what: str):
    """
    Return the first true value of condition(), polled; fail with `what` after a time.

    What the machine lost comes on top, and four times as long is waited while it is short of
    cores: what must be fast is told to `assert_within`.
    """
    start, then = time.monotonic(), waited()
    while (taken := time.monotonic() - start) < seconds or taken < seconds + stalled(start) or (
            taken < 4 * seconds and short_of_cores(start, then)):
        value = condition()
        if value:
            return value
        time.sleep(0.002)
    pytest.fail(f'{what}: not within {seconds} s')
