"""Shards are read as they were written: long drives in pieces, other versions not at all."""

import numpy as np
import pytest

pytest.importorskip('torch')

from mobile_vla_ros.models.vision import CHANNELS, GRID  # noqa: E402
from mobile_vla_ros.sim.scenario import COLORS, SIDES  # noqa: E402
from mobile_vla_ros.training.shards import LONGEST, read_shards, write_shard  # noqa: E402


def test_features_of_another_version_are_refused(tmp_path):
    write_shard(tmp_path, 'old', [({'seed': 1, 'side': 'left', 'color': 'red'},
                                   np.zeros((2, 5, 14, 14), np.float16),
                                   np.zeros((2, 2, 5, 3), np.float32), np.zeros((2, 3)))])
    with pytest.raises(ValueError, match='of another version'):
        read_shards(tmp_path)


def test_a_long_drive_is_learned_in_pieces(tmp_path):
    frames = 2 * LONGEST + 1
    numbers = np.arange(frames, dtype=np.float32)
    grids = np.zeros((frames, CHANNELS, GRID, GRID), np.float16)
    labels = np.tile(numbers[:, None, None, None], (1, len(SIDES), len(COLORS), 3))
    row = {'seed': 7, 'side': 'left', 'color': 'red'}
    write_shard(tmp_path, 'a', [(row, grids, labels, labels), (row, grids[:1], labels[:1],
                                                               labels[:1])])
    lengths = [len(e.grids) for e in read_shards(tmp_path)]
    assert max(lengths) <= LONGEST and lengths[-1] == 1 and len(lengths) == 4
    assert max(lengths[:3]) - min(lengths[:3]) <= 1
    learned = np.concatenate([e.labels[:, 0, 0, 0] for e in read_shards(tmp_path)])
    assert np.array_equal(learned, [*numbers, 0.0])
    assert {e.recording for e in read_shards(tmp_path)} == {'7'}
