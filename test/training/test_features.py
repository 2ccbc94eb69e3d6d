"""A policy on cached features, which drives while corrections are recorded."""

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('openvino')

from mobile_vla_ros.models.advanced import Advanced, AdvancedConfig  # noqa: E402
from mobile_vla_ros.models.checkpoint import describe, save_checkpoint  # noqa: E402
from mobile_vla_ros.models.text import encode_text  # noqa: E402
from mobile_vla_ros.models.vision import CHANNELS, GRID  # noqa: E402
from mobile_vla_ros.training.features import GridPolicy  # noqa: E402

AGES = (0.4, 1.0)
PERIOD_S = 0.2


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Advanced(AdvancedConfig(hidden=16, words=8, width=4, kept=2, frame=8, heads=2,
                                   history_s=AGES)).eval()


def test_it_acts_on_the_newest_frame_and_those_at_the_models_ages(model, tmp_path):
    path = tmp_path / 'a.safetensors'
    save_checkpoint(path, model, describe('advanced', model, 5.0))
    policy = GridPolicy(path)
    grids = np.random.default_rng(0).normal(size=(8, CHANNELS, GRID, GRID)).astype(np.float32)
    with torch.inference_mode():
        words = model.listen(torch.from_numpy(encode_text('go left')[None]))
        looks = [model.look(torch.from_numpy(grid[None]), words) for grid in grids]
        for _ in range(2):
            policy.reset()
            for i, grid in enumerate(grids):
                rows = [i, max(0, i - 2), max(0, i - 5)]
                expected = model.act(torch.stack([looks[row] for row in rows], 1), words)[0, 0]
                command = policy(grid, 'go left', PERIOD_S * i)
                assert command == pytest.approx(expected.tolist(), abs=1e-6), i
        assert policy(grids[7], 'go right', PERIOD_S * 8) != pytest.approx(command, abs=1e-4)
