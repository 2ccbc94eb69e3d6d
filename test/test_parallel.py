"""Work over processes of this machine, and over those of a Ray cluster."""

import os
import sys

import pytest

from mobile_vla_ros.parallel import imap


@pytest.fixture(scope='module')
def ray():
    """Ray, whose cluster starts when it is first asked and ends with these tests."""
    found = pytest.importorskip('ray')
    yield found
    found.shutdown()


@pytest.fixture
def cluster(ray, monkeypatch):
    """A Ray cluster of this machine alone."""
    monkeypatch.setenv('RAY_USAGE_STATS_ENABLED', '0')
    monkeypatch.setenv('RAY_ADDRESS', 'local')
    return ray


def test_a_cluster_says_what_one_process_does(cluster):
    pytest.importorskip('mujoco')
    from mobile_vla_ros.benchmark import rollout
    from mobile_vla_ros.sim.seeds import VALIDATION
    job, seeds, seen = rollout.Job(), VALIDATION[:3], []
    rows = rollout.run(job, seeds, 2, seen.append)
    assert cluster.is_initialized() and seen == rows
    assert rows == rollout.run(job, seeds, 1)


def test_a_cluster_passes_errors_on(cluster):
    with pytest.raises(ValueError, match='invalid literal'):
        list(imap(int, ['1', 'two'], 2))


def test_without_ray_the_way_out_is_named(monkeypatch):
    monkeypatch.setenv('RAY_ADDRESS', 'auto')
    monkeypatch.setitem(sys.modules, 'ray', None)
    with pytest.raises(ValueError, match="'auto', which needs packages .* pip install ray"):
        list(imap(int, '12', 2))
    assert list(imap(int, '12', 1)) == [1, 2], 'one process is this one'


def test_jobs_come_back_in_order_from_other_processes():
    pids = list(imap(_pid_after, [0.3, 0.0, 0.1], 2))
    assert [seconds for seconds, _ in pids] == [0.3, 0.0, 0.1]
    assert os.getpid() not in [pid for _, pid in pids]


def _pid_after(seconds):
    import time
    time.sleep(seconds)
    return seconds, os.getpid()
