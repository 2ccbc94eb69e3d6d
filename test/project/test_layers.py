"""Imports point downward only, as .importlinter says."""

import shutil
import subprocess
import sys

import pytest
from support.paths import ROOT

pytest.importorskip('importlinter', reason='needs import-linter')


def lint(folder) -> subprocess.CompletedProcess:
    """Check the layers of the package in a folder."""
    return subprocess.run(
        [sys.executable, '-c', 'from importlinter.cli import lint_imports_command as main; main()',
         '--no-cache'], cwd=folder, env={'PYTHONPATH': str(folder), 'PATH': ''},
        capture_output=True, text=True)


@pytest.fixture(scope='module')
def copy(tmp_path_factory):
    """Return a folder with the package and its layers."""
    folder = tmp_path_factory.mktemp('layers')
    shutil.copytree(ROOT / 'mobile_vla_ros', folder / 'mobile_vla_ros',
                    ignore=shutil.ignore_patterns('__pycache__'))
    shutil.copy2(ROOT / '.importlinter', folder)
    return folder


def test_every_layer_is_kept(copy):
    run = lint(copy)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
    assert 'Contracts: 4 kept, 0 broken' in run.stdout


@pytest.mark.parametrize('module, line, broken', [
    ('data/bags.py', 'from mobile_vla_ros.replay import log', 'Imports point downward only'),
    ('replay/log.py', 'import rclpy', 'Only nodes, messages and launch files know ROS'),
    ('control/pilot.py', 'import torch', 'A drive node with an exported model'),
    ('control/guard.py', 'from mobile_vla_ros.sim import seeds', 'Control and inference')])
def test_an_import_that_breaks_one_is_noticed(copy, module, line, broken):
    path = copy / 'mobile_vla_ros' / module
    before = path.read_text(encoding='utf-8')
    path.write_text(f'{before}\n{line}\n', encoding='utf-8')
    try:
        run = lint(copy)
    finally:
        path.write_text(before, encoding='utf-8')
    assert run.returncode == 1
    assert any(text.startswith(broken) and 'BROKEN' in text for text in run.stdout.splitlines())
