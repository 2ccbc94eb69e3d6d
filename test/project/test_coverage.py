"""Every branch of the code that decides about motion is tested, by tests that need no ROS."""

import subprocess
import sys

import pytest
from support.paths import ROOT

pytest.importorskip('pytest_cov')

TESTS = ('control/test_arming.py', 'control/test_guard.py', 'control/test_guard_frames.py',
         'control/test_latest_worker.py', 'control/test_limits.py', 'control/test_obstacle.py',
         'control/test_obstacle_monitor.py', 'control/test_pace.py', 'control/test_planner.py',
         'control/test_schedule.py', 'control/test_stopping.py', 'control/test_watchdog.py',
         'test_contract.py')
COVERED = ('contract', 'control.arming', 'control.guard', 'control.latest_worker',
           'control.limits', 'control.obstacle', 'control.pace', 'control.planner',
           'control.reasons', 'control.schedule', 'control.stopping', 'control.watchdog')


def measure(folder, tests=TESTS):
    """Run tests and return how they ended, branches of COVERED counted; below 100 % is 1."""
    settings = folder / 'coveragerc'
    settings.write_text(f'[run]\ndata_file = {folder / "coverage"}\n')
    return subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider',
         '-k', 'not sim and not boxes', *(str(ROOT / 'test' / name) for name in tests),
         *(f'--cov=mobile_vla_ros.{name}' for name in COVERED), '--cov-branch',
         '--cov-fail-under=100', '--cov-report=term-missing', f'--cov-config={settings}'],
        cwd=ROOT, capture_output=True, text=True)


def test_every_branch_that_decides_about_motion_is_tested(tmp_path):
    run = measure(tmp_path)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
    assert all(f'mobile_vla_ros/{name.replace(".", "/")}.py' in run.stdout for name in COVERED)
    lines = [line for name in COVERED for line in (ROOT / 'mobile_vla_ros' / (
        name.replace('.', '/') + '.py')).read_text(encoding='utf-8').splitlines()]
    assert not [line for line in lines if 'pragma: no cover' in line]


def test_a_gap_would_be_noticed(tmp_path):
    run = measure(tmp_path, TESTS[1:2])
    assert run.returncode != 0 and 'less than fail-under=100' in run.stdout + run.stderr
