"""The benchmark through the real nodes."""

import json
import math

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('mujoco')

from mobile_vla_ros.cli import benchmark  # noqa: E402
from support.tiny_checkpoint import write as write_tiny  # noqa: E402

pytestmark = pytest.mark.nodes


def test_an_episode_runs_through_both_nodes(tmp_path, capsys):
    """A policy that cannot see drives straight on until it touches something; the row says so."""
    out = tmp_path / 'ros.json'
    tiny = write_tiny(tmp_path / 'tiny.onnx', 0.012, axes=(1, 0, 0))
    assert benchmark.main(['--over-ros', '--episodes', '1', '--checkpoint', str(tiny),
                           '--json', str(out)]) == 0
    result = json.loads(out.read_text())
    row, = result['rows']
    assert result['job']['over_ros'] and result['rates']['success']['trials'] == 1
    assert row['seed'] == 2_000_000 and row['path_m'] > 0.1 and row['seconds'] > 1
    assert not row['success'] and row['contacts']
    assert 0.0 < row['latency_ms_p50'] <= row['latency_ms_p99'] < math.inf
    assert 'success' in capsys.readouterr().out


@pytest.mark.parametrize('option', ['--swap-sides', '--open-loop', '--held-out-look'])
def test_what_the_nodes_cannot_do_is_refused(option, capsys):
    assert benchmark.main(['--over-ros', option, '--episodes', '1']) != 0
    error = capsys.readouterr().err
    assert '--over-ros' in error and len(error.strip().splitlines()) == 1
