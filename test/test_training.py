"""FinalFixed, its loss and schedule, and the way from recordings to a runtime file."""

import json

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from mobile_vla_ros.contract import ContractError  # noqa: E402
from mobile_vla_ros.models.final_fixed import FinalFixed, FinalFixedConfig  # noqa: E402
from mobile_vla_ros.models.vision import CHANNELS, EfficientNetLite0Grid, GRID  # noqa: E402
from mobile_vla_ros.training.checkpoint import describe, load_model, save_checkpoint  # noqa: E402
from mobile_vla_ros.training.loop import (  # noqa: E402
    learn_words, schedule, train, TrainConfig)
from mobile_vla_ros.training.loss import weighted_loss  # noqa: E402
from mobile_vla_ros.training.recordings import digest, Phrases, read_recordings  # noqa: E402

SMALL = FinalFixedConfig(hidden=32, width=16, kept=4, frame=16, history_s=(0.4, 1.0))


def inputs(batch=2, ages=2):
    torch.manual_seed(1)
    return (torch.randn(batch, CHANNELS, GRID, GRID), torch.randn(batch, ages, SMALL.frame),
            torch.randn(batch, 512))


def test_the_output_is_weighted_per_axis_from_the_start():
    model = FinalFixed(SMALL).eval()
    assert model.axis_weight.tolist() == pytest.approx([1.0, 1.0, 0.05])
    assert model.axis_weight.requires_grad
    before, _ = model(*inputs())
    with torch.no_grad():
        model.axis_weight.copy_(torch.tensor([1.0, 1.0, 0.10]))
    after, _ = model(*inputs())
    assert torch.allclose(after[..., 2], 2 * before[..., 2])
    assert torch.equal(after[..., :2], before[..., :2])


def test_the_head_is_the_simple_one():
    model = FinalFixed(FinalFixedConfig())
    assert isinstance(model.layer_norm, torch.nn.LayerNorm) and model.dropout.p == 0.2
    first, relu, last = model.action_head
    hidden = model.config.hidden
    assert (first.in_features, first.out_features) == (hidden, hidden // 2)
    assert isinstance(relu, torch.nn.ReLU) and last.out_features == 3


def test_every_weight_learns_in_one_step():
    torch.manual_seed(0)
    model = FinalFixed(SMALL)
    before = {name: value.clone() for name, value in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0)
    weighted_loss(model(*inputs(8))[0], torch.randn(8, 1, 3)).backward()
    optimizer.step()
    still = [name for name, value in model.named_parameters() if torch.equal(value, before[name])]
    assert not still


def test_the_vision_encoder_is_frozen_and_pretrained():
    encoder = EfficientNetLite0Grid().train()
    assert not encoder.training and not any(p.requires_grad for p in encoder.parameters())
    image = torch.full((1, 224, 224, 3), 90, dtype=torch.uint8)
    image[:, 16:32, 32:48] = torch.tensor([250, 10, 10], dtype=torch.uint8)
    grid = encoder(image)
    assert grid.shape == (1, CHANNELS, GRID, GRID)
    colour = grid[0, 112:].reshape(3, 16, GRID, GRID).mean(1)  # red, green, blue per cell
    assert colour[:, 1, 2].tolist() == pytest.approx([250 / 255, 10 / 255, 10 / 255], abs=1e-4)
    assert colour[:, 5, 5].tolist() == pytest.approx([90 / 255] * 3, abs=1e-4)


def test_text_and_each_frame_decide():
    model = FinalFixed(SMALL).eval()
    grid, past, text = inputs()
    out, look = model(grid, past, text)
    assert not torch.allclose(out, model(grid, past, text.flip(0))[0], atol=1e-5)
    assert not torch.allclose(out, model(torch.zeros_like(grid), past, text)[0], atol=1e-5)
    for age in range(2):
        changed = past.clone()
        changed[:, age] = 0
        assert not torch.allclose(out, model(grid, changed, text)[0], atol=1e-5), age
    assert torch.equal(look, model.look(grid, model.listen(text)))


def test_memory_gives_what_looking_at_every_frame_again_gives():
    """Training looks at whole episodes at once, the robot at one frame a call."""
    model = FinalFixed(SMALL).eval()
    grids, text = torch.randn(8, CHANNELS, GRID, GRID), torch.randn(1, 512)
    looks = model.look(grids, model.listen(text).expand(8, -1))
    rows = torch.tensor([[i, max(0, i - 2), max(0, i - 5)] for i in range(8)])
    together = model.act(looks[rows], model.listen(text).expand(8, -1))
    remembered, commands = [], []
    for i in range(8):
        past = torch.stack([remembered[j] if j < i else looks[0] for j in rows[i, 1:].tolist()])
        out, look = model(grids[i:i + 1], past[None], text)
        remembered.append(look[0])
        commands.append(out)
    assert torch.allclose(torch.cat(commands), together, atol=1e-5)


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


@pytest.mark.parametrize('change, message', [
    ({'dropout': 1.0}, 'dropout'), ({'kept': 0}, 'kept'), ({'history_s': (-1,)}, 'history_s')])
def test_a_bad_config_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        FinalFixedConfig(**change)


def test_a_checkpoint_rebuilds_the_model(tmp_path):
    model = FinalFixed(SMALL).eval()
    path = tmp_path / 'a.safetensors'
    save_checkpoint(path, model, describe('final_fixed', model, 5.0))
    again, metadata = load_model(path)
    assert again.config == SMALL and metadata.rate_hz == 5.0
    assert torch.equal(model(*inputs())[0], again(*inputs())[0])
    with pytest.raises(ContractError, match='unknown model'):
        save_checkpoint(path, model, describe('nonsense', model, 5.0))
        load_model(path)
    with torch.no_grad():
        model.fuse.weight[0, 0] = float('nan')
    save_checkpoint(path, model, describe('final_fixed', model, 5.0))
    with pytest.raises(ContractError, match='not finite'):
        load_model(path)


@pytest.fixture(scope='module')
def recordings(tmp_path_factory):
    from mobile_vla_ros.training.collect import collect
    folder = tmp_path_factory.mktemp('recordings')
    collect(folder / 'teacher', range(3), processes=1)
    return folder


def test_recordings_are_the_same_again(recordings, tmp_path):
    from mobile_vla_ros.training.collect import collect
    collect(tmp_path / 'again', range(3), processes=1, per_shard=2)
    episodes = read_recordings(recordings / 'teacher')
    assert digest(read_recordings(tmp_path / 'again')) == digest(episodes)
    assert digest(episodes[:2]) != digest(episodes)
    episode = episodes[0]
    assert episode.labels.shape == (len(episode.grids), 2, 5, 3)
    assert (episode.side, episode.color) in episode.tasks
    left, right = (episode.labels[0, side, episode.color] for side in (0, 1))
    assert left[1] > right[1], 'the same picture, another side, another label'


def test_a_mirror_image_stands_beside_every_episode(recordings):
    episodes = read_recordings(recordings / 'teacher')
    for real, mirrored in zip(episodes[::2], episodes[1::2]):
        assert (real.seed, real.color, real.side) == (mirrored.seed, mirrored.color,
                                                      1 - mirrored.side)
        count = len(real.grids)
        colour, other = (np.asarray(e.grids[:, 112:], np.float32).reshape(
            count, 3, 16, GRID, GRID).mean(2) for e in (real, mirrored))
        assert np.allclose(colour, other[..., ::-1], atol=1e-3)
        assert not np.allclose(colour, other, atol=0.1)
        assert np.array_equal(real.labels[:, real.side, real.color] * [1, -1, -1],
                              mirrored.labels[:, mirrored.side, mirrored.color])


def test_recordings_to_runtime_file(recordings, tmp_path):
    from mobile_vla_ros import load_policy
    from mobile_vla_ros.training.export import export
    from mobile_vla_ros.training.recipe import fit
    out = tmp_path / 'best.safetensors'
    config = TrainConfig(epochs=2)
    metrics = fit([recordings / 'teacher'], recordings / 'teacher', out, config, SMALL)
    assert export(out, tmp_path / 'best.onnx') <= 1e-4
    metadata = load_policy(tmp_path / 'best.onnx').metadata
    assert metadata.metrics == json.loads(json.dumps(metrics))
    assert metadata.data['episodes'] == 2 * 3 and len(metadata.data['digest']) == 64
    again = tmp_path / 'again.safetensors'
    fit([recordings / 'teacher'], recordings / 'teacher', again, config, SMALL)
    first, second = load_model(out)[0].state_dict(), load_model(again)[0].state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_training_lowers_the_loss(recordings):
    torch.manual_seed(0)
    model = FinalFixed(SMALL)
    episodes = read_recordings(recordings / 'teacher')
    result = train(model, episodes, episodes, TrainConfig(epochs=40), 0.2,
                   progress=False)
    losses = [row['train_loss'] for row in result['history']]
    assert losses[-1] < 0.6 * losses[0]


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


def test_no_recordings_is_a_clear_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='no recordings in'):
        read_recordings(tmp_path)
