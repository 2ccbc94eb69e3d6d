"""`colcon build` from what git tracks installs a package that runs."""

from pathlib import Path
import re
import subprocess

from support.installed import copy_source, PACKAGE, prefix, sourced  # noqa: F401
import pytest
from support.paths import ROOT

SCRIPTS = re.findall(r"f'(\w+) = \{PACKAGE\}", (ROOT / 'setup.py').read_text())


def test_the_index_knows_the_package(prefix):
    assert (prefix / 'share/ament_index/resource_index/packages' / PACKAGE).exists()
    assert (prefix / 'share' / PACKAGE / 'package.xml').exists()


def test_executables_are_where_ros2_run_looks(prefix):
    installed = {path.name for path in (prefix / 'lib' / PACKAGE).iterdir()}
    assert installed == set(SCRIPTS) != set()


@pytest.mark.parametrize('folder', ['launch', 'config', 'checkpoints'])
def test_shipped_files_are_installed(prefix, folder):
    tracked = subprocess.run(['git', '-C', ROOT, 'ls-files', folder], capture_output=True,
                             text=True).stdout.split() \
        or [str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob('*')]
    assert tracked
    missing = [name for name in tracked if not (prefix / 'share' / PACKAGE / name).is_file()]
    assert missing == []


def test_the_default_checkpoint_is_installed(prefix):
    checkpoints = prefix / 'share' / PACKAGE / 'checkpoints'
    assert (checkpoints / 'default.onnx').stat().st_size > 10_000
    assert (checkpoints / 'default.safetensors').stat().st_size > 10_000


def test_an_installed_executable_runs(prefix):
    """A wrong value ends it before anything starts, with one line that says what is allowed."""
    pytest.importorskip('rclpy', reason='needs ROS 2')
    drive = sourced(prefix, str(prefix / 'lib' / PACKAGE / 'drive'),
                    '--ros-args', '-p', 'rate:=0')
    output, _ = drive.communicate()
    assert drive.returncode == 2, output
    assert 'rate' in output and '1..200' in output and 'Traceback' not in output


def test_shared_files_are_found_after_installation(prefix):
    """From the installed package, not from this source tree."""
    code = ('from mobile_vla_ros.environment.share import share_file; '
            'print(share_file("config", "joy.yaml"))')
    process = sourced(prefix, 'python3', '-c', code, stderr=subprocess.PIPE)
    output, errors = process.communicate()
    assert Path(output.strip()) == prefix / 'share' / PACKAGE / 'config' / 'joy.yaml', errors
