"""What a checkpoint tells of the data that it was made of."""

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from support.learning import CONFIGS, episode, settings, words  # noqa: E402

from mobile_vla_ros.models.checkpoint import load_model  # noqa: E402
from mobile_vla_ros.training import loop  # noqa: E402
from mobile_vla_ros.training.fit import fit  # noqa: E402
from mobile_vla_ros.training.phrases import Phrases  # noqa: E402
from mobile_vla_ros.training.shards import digest  # noqa: E402


def test_a_checkpoint_knows_what_was_driven_and_is_the_best_one(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, 'Phrases', partial(Phrases, per_language=1))
    episodes = [episode(0, 3, said=words), episode(1, 5, tasks=((1, 3), (0, 3)))]
    held_out = [episode(2, command=[-0.5, 0.0, 0.0], said=words)]
    best, last = tmp_path / 'best.safetensors', tmp_path / 'last.safetensors'
    metrics = fit(episodes, held_out, best, settings(epochs=3, learning_rate=1e-2),
                  CONFIGS['final_fixed'], last=last)
    driven = np.concatenate([episodes[0].labels[:, 0, 0], episodes[1].labels[:, 1, 3]])
    data = load_model(best)[1].data
    assert data['mean_command'] == pytest.approx(driven.mean(0), abs=1e-5)
    assert data['least_command'] == pytest.approx(driven.min(0), abs=1e-5)
    assert data['greatest_command'] == pytest.approx(driven.max(0), abs=1e-5)
    assert (data['episodes'], data['frames']) == (2, 8) and data['digest'] == digest(episodes)
    history = load_model(best)[1].training['history']
    assert metrics['open_loop'] == min(history, key=lambda row: row['loss'])
    assert load_model(best)[1].metrics == metrics
    assert load_model(last)[1].metrics['open_loop'] == history[-1]
