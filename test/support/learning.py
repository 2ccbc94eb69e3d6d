"""Tiny models, episodes of noise and fixtures for the tests of training."""

from functools import partial
import math

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from torch.optim.optimizer import register_optimizer_step_pre_hook  # noqa: E402

from mobile_vla_ros.models.advanced import AdvancedConfig  # noqa: E402
from mobile_vla_ros.models.final_fixed import FinalFixedConfig  # noqa: E402
from mobile_vla_ros.models.hybrid import HybridConfig  # noqa: E402
from mobile_vla_ros.models.registry import build_model  # noqa: E402
from mobile_vla_ros.models.vision import CHANNELS, GRID  # noqa: E402
from mobile_vla_ros.training import loop  # noqa: E402
from mobile_vla_ros.training.loop import train, TrainConfig  # noqa: E402
from mobile_vla_ros.training.phrases import Phrases  # noqa: E402
from mobile_vla_ros.training.shards import Episode  # noqa: E402

PERIOD_S = 0.2
WIDTHS = {'hidden': 16, 'words': 8, 'width': 4, 'kept': 2, 'frame': 8, 'history_s': (0.2, 0.6)}
CONFIGS = {
    'final_fixed': FinalFixedConfig(**WIDTHS), 'advanced': AdvancedConfig(**WIDTHS, heads=2),
    'hybrid': HybridConfig(FinalFixedConfig(**WIDTHS), AdvancedConfig(**WIDTHS, heads=2))}
STILL = 1e-12  # a learning rate at which nothing changes that anybody could measure
words = np.random.default_rng(9).normal(0, 0.05, 512).astype(np.float32)


@pytest.fixture(autouse=True, scope='module')
def phrases():
    """Say each task in two sentences instead of 300: half a minute less."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, 'Phrases', partial(Phrases, per_language=1))
        yield loop.Phrases(0)


@pytest.fixture
def steps():
    """Note (learning rate, norm of all gradients) whenever an optimizer steps."""
    seen = []

    def note(optimizer, *_):
        group, = optimizer.param_groups
        norms = [p.grad.norm().item() for p in group['params'] if p.grad is not None]
        seen.append((group['lr'], math.hypot(*norms)))
    handle = register_optimizer_step_pre_hook(note)
    yield seen
    handle.remove()


def build(name='final_fixed', **change):
    torch.manual_seed(0)
    config = CONFIGS[name]
    return build_model(type(config)(**{**vars(config), **change}))


def episode(seed=0, frames=3, command=None, said=None, tasks=((0, 0),)):
    """Make an episode of noise; its commands are drawn if not given, for each of its tasks."""
    rng = np.random.default_rng(seed)
    grids = rng.normal(size=(frames, CHANNELS, GRID, GRID)).astype(np.float16)
    labels = np.full((frames, 2, 5, 3), np.nan, np.float32)
    for task in tasks:
        labels[(slice(None), *task)] = rng.uniform(-1, 1, (frames, 3)) if command is None \
            else command
    return Episode(seed, *tasks[0], grids, labels, said, known_words=said is None)


def settings(**change):
    return TrainConfig(**{'epochs': 1, 'episodes_per_batch': 1, 'word_steps': 0, 'other_tasks': 0,
                          'text_noise': 0, 'weight_decay': 0, **change})


def run(model, episodes, config, held_out=None, **more):
    return train(model, episodes, held_out or episodes[:1], config, PERIOD_S, False, **more)


def loss_of(predicted, target, z_weight):
    off = (predicted - target) * [1, 1, z_weight]
    return (off ** 2).mean() + 0.1 * np.abs(off).mean()


def predictions(model, drive, text):
    """Act on every frame by the definition: the newest look first, then those at the ages."""
    model.eval()
    with torch.inference_mode():
        said = model.listen(torch.from_numpy(text)[None])
        looks = [model.look(torch.from_numpy(np.float32(grid))[None], said)
                 for grid in drive.grids]
        ages = [round(age / PERIOD_S) for age in model.config.history_s]
        rows = [[looks[max(0, i - back)] for back in (0, *ages)] for i in range(len(looks))]
        return np.concatenate([model.act(torch.stack(row, 1), said).numpy() for row in rows])
