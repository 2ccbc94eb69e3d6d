"""
The wall clock of a real drive process is set by an hour while it drives (libfaketime).

Whatever asks for the time of day is told the new one; a wait that has begun goes on as it was.
"""

from importlib.metadata import files, PackageNotFoundError
from pathlib import Path
import platform
import time

from diagnostic_msgs.msg import DiagnosticArray
import pytest

from mobile_vla_ros import messages
from mobile_vla_ros.contract import STOP

from support.drive_checks import assert_no_stop, assert_resumes, assert_stops, PERIOD_S
from support.ros_harness import graph, stalled, wait_for

JUMPS = (3600, 0, -3600, 0)  # s ahead of the true time


class WallClock:
    """What a drive process takes for the time of day."""

    def __init__(self, library, file):
        self.file = file
        self.environment = {
            'LD_PRELOAD': str(library), 'FAKETIME_TIMESTAMP_FILE': str(file),
            'FAKETIME_NO_CACHE': '1', 'FAKETIME_DONT_FAKE_MONOTONIC': '1',
            'FAKETIME_FORCE_MONOTONIC_FIX': '0'}  # else waits by the steady clock end at once
        self.set(0)

    def set(self, ahead: int) -> float:
        """Set it; return the steady time before that."""
        at = time.monotonic()
        new = self.file.with_suffix('.new')
        new.write_text(f'{ahead:+d}')
        new.replace(self.file)
        return at

    def drives(self, g, monkeypatch, **parameters):
        """Start a drive process by this clock, feed it and wait until it moves."""
        try:
            with monkeypatch.context() as patched:
                for name, value in self.environment.items():
                    patched.setenv(name, value)
                g.drives(**parameters)
        finally:  # what a killed process would leave
            for left in Path('/dev/shm').glob(f'*faketime_*_{g.processes[-1].child.pid}'):
                left.unlink()


@pytest.fixture
def wall(tmp_path):
    """Return a clock, if there is libfaketime for this machine."""
    try:
        library = next(file for file in files('libfaketime') if file.name == 'libfaketime.so.1')
    except (PackageNotFoundError, StopIteration):
        pytest.skip('needs libfaketime')
    if platform.machine() != 'x86_64':
        pytest.skip('the wheel of libfaketime is for x86_64')
    return WallClock(library.locate(), tmp_path / 'ahead')


def assert_drives_on(g, since, seconds=1.0):
    """Check that there was a command to move in every period of the second after `since`."""
    wait_for(lambda: time.monotonic() > since + seconds, seconds + 1.0, 'a second')
    times = [since, *(at for at, command in list(g.received)
                      if since < at < since + seconds and command != STOP), since + seconds]
    lost = stalled(since)
    assert max(after - at for at, after in zip(times, times[1:])) < 2 * PERIOD_S + lost
    assert_no_stop(g, since)


def test_12_a_wall_clock_that_is_set_changes_nothing(wall, monkeypatch, trial):
    heard = []  # (steady time s, how far the node's clock is ahead s)
    with graph() as g:
        g.node.create_subscription(DiagnosticArray, '/diagnostics', lambda msg: heard.append((
            time.monotonic(), messages.to_ns(msg.header.stamp) / 1e9 - time.time())), 10)
        wall.drives(g, monkeypatch, instruction_ttl=60.0)
        for ahead in JUMPS:
            at = wall.set(ahead)
            assert_drives_on(g, at)
            wait_for(lambda: [by for when, by in list(heard) if when > at + 0.5
                              and abs(by - ahead) < 5.0], 3.0, 'diagnostics by the new time')
        for ahead in JUMPS:
            last = g.still()
            wall.set(ahead)
            assert_stops(g, last)
            back = time.monotonic()
            g.stream()
            assert_resumes(g, back)
