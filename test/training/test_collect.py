"""As many simulated episodes as were asked for, whatever was there before."""

import json

import numpy as np
import pytest

pytest.importorskip('torch')
pytest.importorskip('mujoco')

from mobile_vla_ros.training import collect as module  # noqa: E402
from mobile_vla_ros.training.shards import write_shard  # noqa: E402


def note(job):
    """Write a shard as `_record_shard` does, of episodes in which nothing was driven."""
    seeds, folder, name, *_ = job
    empty = np.zeros((1, 1))
    write_shard(module.Path(folder), name, [
        ({'seed': seed, 'mirrored': mirrored}, empty, empty, empty)
        for seed in seeds for mirrored in (False, True)])


def test_what_is_missing_is_recorded_and_nothing_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(module, '_record_shard', note)
    monkeypatch.setattr('mobile_vla_ros.training.features.export_encoder', lambda folder: None)
    for count in (30, 200, 50, 215):
        module.collect(tmp_path, range(count), processes=1)
    seeds = [row['seed'] for shard in tmp_path.glob('*.json')
             for row in json.loads(shard.read_text())]
    assert sorted(seeds) == sorted([*range(215)] * 2)
