"""The package as `colcon build` installs it, built once for all tests that need it."""

import fcntl
import os
from pathlib import Path
import shutil
import subprocess
import sys

import pytest
from support.paths import ROOT

PACKAGE = 'mobile_vla_ros'


def copy_source(target: Path) -> Path:
    """Copy what a clone would have: the files that git tracks, or all where there is no git."""
    if (ROOT / '.git').exists():
        listed = subprocess.run(['git', '-C', ROOT, 'ls-files', '-z'], check=True,
                                capture_output=True, text=True).stdout
        for name in filter(None, listed.split('\0')):
            if (ROOT / name).exists():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target / name)
    else:
        shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns('.*', 'build', 'out'))
    return target


@pytest.fixture(scope='session')
def prefix(tmp_path_factory) -> Path:
    """Return the prefix into which colcon installed the package; one worker builds for all."""
    pytest.importorskip('colcon_core', reason='needs colcon')
    shared = tmp_path_factory.getbasetemp()
    if 'PYTEST_XDIST_WORKER' in os.environ:
        shared = shared.parent
    workspace = shared / 'workspace'
    with open(shared / 'workspace.lock', 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (workspace / 'built').exists():
            build(workspace)
            (workspace / 'built').touch()
    return workspace / 'install' / PACKAGE


def build(workspace: Path):
    """Install the package by colcon into WORKSPACE/install."""
    copy_source(workspace / 'src' / PACKAGE)
    built = subprocess.run(
        [sys.executable, '-m', 'colcon', 'build', '--event-handlers', 'console_direct+'],
        cwd=workspace, capture_output=True, text=True,
        env={**os.environ, 'PYTHONWARNINGS': 'ignore'})
    assert built.returncode == 0, built.stdout + built.stderr


def sourced(prefix: Path, *command: str, **kwargs) -> subprocess.Popen:
    """Start a command in the environment of the workspace's setup file."""
    setup = prefix.parent / 'setup.sh'
    return subprocess.Popen(
        ['sh', '-c', '. "$0" && exec "$@"', str(setup), *command], cwd=prefix.parent.parent,
        text=True, **{'stdout': subprocess.PIPE, 'stderr': subprocess.STDOUT, **kwargs})
