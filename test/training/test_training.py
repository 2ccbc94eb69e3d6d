"""FinalFixed, its loss and schedule, and the way from recordings to a runtime file."""

from dataclasses import asdict, replace
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import yaml

torch = pytest.importorskip('torch')

from mobile_vla_ros.models.advanced import AdvancedConfig  # noqa: E402
from mobile_vla_ros.models.checkpoint import load_model  # noqa: E402
from mobile_vla_ros.models.final_fixed import FinalFixed, FinalFixedConfig  # noqa: E402
from mobile_vla_ros.models.hybrid import HybridConfig  # noqa: E402
from mobile_vla_ros.models.registry import build_model  # noqa: E402
from mobile_vla_ros.models.vision import CHANNELS, GRID  # noqa: E402
from mobile_vla_ros.training import loop  # noqa: E402
from mobile_vla_ros.training.curves import tensorboard  # noqa: E402
from mobile_vla_ros.training.loop import learn_words, schedule, train, TrainConfig  # noqa: E402
from mobile_vla_ros.training.loss import weighted_loss  # noqa: E402
from mobile_vla_ros.training.phrases import Phrases  # noqa: E402
from mobile_vla_ros.training.shards import digest, Episode, read_shards  # noqa: E402
from support.paths import ROOT  # noqa: E402

SMALL = FinalFixedConfig(hidden=32, width=16, kept=4, frame=16, history_s=(0.4, 1.0))
TINY = {'final_fixed': SMALL, 'hybrid': HybridConfig(SMALL, AdvancedConfig(**asdict(SMALL)))}


def test_the_loss_is_the_formula_with_z_damped_but_not_ignored():
    predicted = torch.tensor([[[0.5, -0.2, 1.0]], [[0.0, 0.1, 0.0]]])
    target = torch.zeros(2, 1, 3)
    weighted = np.array([[0.5, -0.2, 0.05], [0.0, 0.1, 0.0]])
    expected = (weighted ** 2).mean() + 0.1 * np.abs(weighted).mean()
    assert weighted_loss(predicted, target).item() == pytest.approx(expected, rel=1e-6)
    worse = predicted.clone()
    worse[0, 0, 2] = 3.0
    assert weighted_loss(worse, target) > weighted_loss(predicted, target)
    worse[0, 0, 2], worse[0, 0, 0] = 1.0, 2.5
    assert weighted_loss(worse, target) > 10 * weighted_loss(predicted, target)


def test_the_schedule_warms_up_and_falls():
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    rate = schedule(optimizer, epochs=10, steps=4)
    rates = []
    for _ in range(40):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        rate.step()
    assert rates[0] == pytest.approx(1e-4) and rates[12] == pytest.approx(1e-3)
    assert max(rates) == pytest.approx(1e-3)
    assert optimizer.param_groups[0]['lr'] == pytest.approx(1e-6, rel=0.1)


@pytest.fixture(scope='module')
def recordings(tmp_path_factory):
    from mobile_vla_ros.training.collect import collect
    folder = tmp_path_factory.mktemp('recordings')
    collect(folder / 'teacher', range(3), processes=1)
    return folder


def test_recordings_are_the_same_again(recordings, tmp_path):
    from mobile_vla_ros.training.collect import collect
    collect(tmp_path / 'again', range(3), processes=1, per_shard=2)
    episodes = read_shards(recordings / 'teacher')
    assert digest(read_shards(tmp_path / 'again')) == digest(episodes)
    assert digest(episodes[:2]) != digest(episodes)
    episode = episodes[0]
    assert episode.labels.shape == (len(episode.grids), 2, 5, 3)
    assert (episode.side, episode.color) in episode.tasks
    left, right = (episode.labels[0, side, episode.color] for side in (0, 1))
    assert left[1] > right[1], 'the same picture, another side, another label'


def test_a_mirror_image_stands_beside_every_episode(recordings):
    episodes = read_shards(recordings / 'teacher')
    for real, mirrored in zip(episodes[::2], episodes[1::2]):
        assert (real.seed, real.color, real.side) == (mirrored.seed, mirrored.color,
                                                      1 - mirrored.side)
        count = len(real.grids)
        colour, other = (np.asarray(e.grids[:, 112:], np.float32).reshape(
            count, 3, 64, GRID, GRID).mean(2) for e in (real, mirrored))
        assert np.allclose(colour, other[..., ::-1], atol=1e-3)
        assert not np.allclose(colour, other, atol=0.1)
        assert np.array_equal(real.labels[:, real.side, real.color] * [1, -1, -1],
                              mirrored.labels[:, mirrored.side, mirrored.color])


def test_recordings_to_runtime_file(recordings, tmp_path):
    from mobile_vla_ros import load_policy
    from mobile_vla_ros.training.export import export
    from mobile_vla_ros.training.fit import fit
    episodes = read_shards(recordings / 'teacher')
    out = tmp_path / 'best.safetensors'
    config = TrainConfig(epochs=2, word_steps=50)
    metrics = fit(episodes, episodes, out, config, SMALL)
    assert export(out, tmp_path / 'best.onnx') <= 1e-4
    metadata = load_policy(tmp_path / 'best.onnx').metadata
    assert metadata.metrics == json.loads(json.dumps(metrics))
    assert metadata.data['episodes'] == 2 * 3 and len(metadata.data['digest']) == 64
    again = tmp_path / 'again.safetensors'
    fit(episodes, episodes, again, config, SMALL)
    first, second = load_model(out)[0].state_dict(), load_model(again)[0].state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize('name', ['final_fixed', 'hybrid'])
def test_an_interrupted_training_goes_on_bit_for_bit(recordings, tmp_path, monkeypatch, name):
    episodes = read_shards(recordings / 'teacher')
    config = TrainConfig(epochs=4, patience=3, word_steps=50)

    def run(state=None, **change):
        torch.manual_seed(0)
        model = build_model(TINY[name])
        result = train(model, episodes, episodes, replace(config, **change), 0.2, False, state)
        return model.state_dict(), [row['loss'] for row in result['history']]
    whole, losses = run()
    state, validate, epochs = tmp_path / 'state.safetensors', loop.validate, iter(range(2))

    def interrupt(*args):
        if next(epochs) == 1:
            raise KeyboardInterrupt
        return validate(*args)
    monkeypatch.setattr(loop, 'validate', interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(state)
    monkeypatch.setattr(loop, 'validate', validate)
    again, told = run(state)
    assert told == losses and all(torch.equal(whole[key], again[key]) for key in whole)
    with pytest.raises(ValueError, match='of another training'):
        run(state, learning_rate=1.0)
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(ValueError, match='not the state of a training'):
        run(state)


TEAM = """
import sys
from pathlib import Path
import torch
from mobile_vla_ros.training.distributed import ProcessGroup
from mobile_vla_ros.training.resume import load_state, save_state
import numpy as np
group, path = ProcessGroup(), Path(sys.argv[1])
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.AdamW(model.parameters())
rate = torch.optim.lr_scheduler.ConstantLR(optimizer)
torch.manual_seed(group.rank)
rngs, expected = group.gather(torch.get_rng_state()), torch.rand(3)
if group.is_main:
    save_state(path, 'x', model, optimizer, rate, np.random.default_rng(), rngs, [], {})
group.barrier()
load_state(path, 'x', model, optimizer, rate, np.random.default_rng(), group.rank)
(path.parent / f'{group.rank}').write_text(str(torch.equal(torch.rand(3), expected)))
"""


def test_every_process_gets_its_own_random_state_back(tmp_path):
    script = tmp_path / 'group.py'
    script.write_text(TEAM)
    run = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2',
         str(script), str(tmp_path / 'state.safetensors')],
        capture_output=True, text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)})
    assert run.returncode == 0, run.stderr
    assert [(tmp_path / rank).read_text() for rank in '01'] == ['True', 'True']


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU here')
def test_a_gpu_trains_to_the_same_loss(recordings, monkeypatch):
    episodes, losses = read_shards(recordings / 'teacher'), []
    for there in (True, False):
        monkeypatch.setattr(torch.cuda, 'is_available', lambda there=there: there)
        torch.manual_seed(0)
        model = FinalFixed(SMALL)
        result = train(model, episodes, episodes, TrainConfig(epochs=3, word_steps=50), 0.2,
                       False)
        assert all(value.device.type == 'cpu' for value in model.state_dict().values())
        losses.append(result['best']['loss'])
    assert losses[0] == pytest.approx(losses[1], rel=0.2)


TRAIN = """
from functools import partial
import sys
from mobile_vla_ros.training import loop
loop.Phrases = partial(loop.Phrases, per_language=2)  # each process embeds its own
from mobile_vla_ros.cli.train import main
sys.exit(main(sys.argv[1:]))
"""


def test_two_processes_reach_the_loss_of_one(recordings, tmp_path):
    """Without dropout and noise both compute the same sums, in another order."""
    script = tmp_path / 'train.py'
    script.write_text(TRAIN)
    strategy = tmp_path / 'plain.yaml'
    strategy.write_text(yaml.safe_dump({
        'model': 'final_fixed', 'config': {'dropout': 0.0, 'hidden': 16, 'width': 8, 'kept': 4},
        'train': {'epochs': 3, 'learning_rate': 1e-3, 'word_steps': 50}}))
    losses = []
    for name, start in (('one', []), ('two', [
            '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2'])):
        run = subprocess.run(
            [sys.executable, *start, str(script), '--data', str(recordings / 'teacher'), '--out',
             str(tmp_path / name), '--strategy', str(strategy)],
            capture_output=True, text=True, env={**os.environ, 'PYTHONPATH': str(ROOT)})
        assert run.returncode == 0, run.stderr
        assert run.stdout.count('held-out MAE') == 1, 'one process speaks'
        history = load_model(tmp_path / name / 'best.safetensors')[1].training['history']
        losses.append([[row['train_loss'], row['loss']] for row in history])
        last = load_model(tmp_path / name / 'last.safetensors')[1]
        assert last.metrics == {'open_loop': history[-1]}
    assert np.allclose(*losses, rtol=1e-3), losses


def test_the_optimizer_is_the_notes(recordings, monkeypatch):
    made, clipped = [], []
    adamw, clip = torch.optim.AdamW, torch.nn.utils.clip_grad_norm_
    monkeypatch.setattr(torch.optim, 'AdamW', lambda *args, **kwargs: made.append(
        adamw(*args, **kwargs)) or made[-1])
    monkeypatch.setattr(torch.nn.utils, 'clip_grad_norm_', lambda parameters, norm: clipped.append(
        norm) or clip(parameters, norm))
    episodes = read_shards(recordings / 'teacher')
    train(FinalFixed(SMALL), episodes, episodes, TrainConfig(
        epochs=1, word_steps=1, weight_decay=1e-3), 0.2, False)
    assert made[-1].defaults['betas'] == (0.9, 0.999)
    assert made[-1].defaults['weight_decay'] == 1e-3
    assert clipped and set(clipped) == {1.0}


def test_training_lowers_the_loss_and_tensorboard_can_follow_it(recordings, tmp_path):
    torch.manual_seed(0)
    model = FinalFixed(SMALL)
    episodes = read_shards(recordings / 'teacher')
    with tensorboard(tmp_path) as note:
        result = train(model, episodes, episodes, TrainConfig(epochs=40, word_steps=500), 0.2,
                       progress=False, note=note)
    losses = [row['train_loss'] for row in result['history']]
    assert losses[-1] < 0.6 * losses[0]
    (file,) = tmp_path.iterdir()
    shown = {}
    for event in events(file.read_bytes()):
        for value in event.summary.value:
            shown.setdefault(value.tag, []).append((event.step, value.simple_value))
    assert [step for step, _ in shown['loss/training']] == list(range(1, 41))
    assert [value for _, value in shown['loss/training']] == pytest.approx(losses)
    assert {'error/forward', 'error/left', 'error/turn', 'constant_error/left'} <= set(shown)


def events(content: bytes):
    """Yield what a TensorBoard file holds: length (8 bytes) and its check, event and its check."""
    from tensorboardX.proto.event_pb2 import Event
    while content:
        end = 12 + int.from_bytes(content[:8], 'little')
        yield Event.FromString(content[12:end])
        content = content[end + 4:]


def test_words_are_told_apart_before_driving_is_learned():
    torch.manual_seed(0)
    phrases, unheard = Phrases(0, 60), Phrases(1, 20)
    listen = FinalFixed(SMALL).listen
    told = learn_words(listen, phrases, TrainConfig())
    with torch.inference_mode():
        vectors = torch.from_numpy(unheard.vectors).flatten(0, 2)
        side, _ = told(listen.eval()(vectors)).split([2, 5], -1)
    truth = torch.arange(2).repeat_interleave(len(vectors) // 2)
    assert (side.argmax(-1) == truth).float().mean() > 0.95


@pytest.mark.parametrize('episodes, frames, taken', [
    (12, 24, 3 * 3), (3000, 20, 200 * 2), (1, 5000, 50)])
def test_however_much_there_is_the_mean_is_of_what_memory_holds(episodes, frames, taken):
    seen = []

    class Grids:
        def __len__(self):
            return frames

        def __getitem__(self, rows):
            seen.append(len(range(frames)[rows]))
            return np.ones((seen[-1], CHANNELS, 1, 1), np.float16)
    network = FinalFixed(SMALL)
    loop._standardise(network, [Episode(0, 0, 0, Grids(), None)] * episodes,
                      Phrases(0, per_language=1))
    assert sum(seen) == taken and network.look.mean.eq(1).all()


def test_no_recordings_is_a_clear_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='no recordings in'):
        read_shards(tmp_path)
