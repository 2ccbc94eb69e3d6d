"""Where an optional package is missing, pytest skips what needs it and says so."""

import os
from pathlib import Path
import subprocess
import sys

from conftest import OPTIONAL
import pytest

TESTS = Path(__file__).resolve().parents[1]
MISSING = """
import sys


class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {names}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)


sys.meta_path.insert(0, Missing())
"""
ROS = ['builtin_interfaces', 'diagnostic_msgs', 'geometry_msgs', 'lifecycle_msgs', 'nav_msgs',
       'rcl_interfaces', 'rosgraph_msgs', 'sensor_msgs', 'std_msgs', 'std_srvs']


def collect(folder, *paths, missing):
    """Return how pytest ends, and what it says, when it collects where packages are missing."""
    (folder / 'missing.py').write_text(MISSING.format(names=sorted(missing)))
    environment = {**os.environ, 'PYTHONPATH': f'{folder}:{TESTS.parent}:{TESTS}',
                   'PYTEST_DISABLE_PLUGIN_AUTOLOAD': '1'}  # pytest's own extras are missing too
    run = subprocess.run(
        [sys.executable, '-m', 'pytest', '-p', 'missing', '-p', 'no:cacheprovider', '-q', '-rs',
         '--collect-only', *map(str, paths)], cwd=TESTS.parent, capture_output=True, text=True,
        env=environment)
    return run.returncode, run.stdout + run.stderr


def test_without_any_optional_package_the_rest_is_collected(tmp_path):
    status, said = collect(tmp_path, TESTS, missing=[*OPTIONAL, *ROS])
    assert status == 0 and 'error' not in said.splitlines()[-1], said[-2000:]
    for module, test in (('report/test_gate', 'test_'), ('benchmark/test_suites', ''),
                         ('nodes/test_drive_start', '')):
        assert (f'test/{module}.py::test_' in said) == bool(test), module
    assert said.count(': needs ') > 5 and "could not import 'rclpy'" in said


def test_each_one_is_named_and_what_is_no_option_is_an_error(tmp_path):
    (tmp_path / 'conftest.py').write_text((TESTS / 'conftest.py').read_text())
    for name in (*OPTIONAL, *ROS, 'no_such'):
        (tmp_path / f'test_{name}.py').write_text(f'import {name}\ndef test_it(): pass\n')
    status, said = collect(tmp_path, tmp_path, f'--rootdir={tmp_path}',
                           missing=[*OPTIONAL, *ROS])
    assert [name for name in (*OPTIONAL, *ROS) if f': needs {name}\n' not in said] == []
    assert status == pytest.ExitCode.INTERRUPTED and '1 error' in said
    assert "No module named 'no_such'" in said
