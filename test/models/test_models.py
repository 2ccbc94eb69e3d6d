"""The three models: what the design note says of each, and what every policy needs of them."""

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from mobile_vla_ros.contract import ContractError  # noqa: E402
from mobile_vla_ros.models.advanced import Advanced, AdvancedConfig  # noqa: E402
from mobile_vla_ros.models.checkpoint import describe, load_model, save_checkpoint  # noqa: E402
from mobile_vla_ros.models.final_fixed import FinalFixed, FinalFixedConfig  # noqa: E402
from mobile_vla_ros.models.fusion import AdaptiveFeatureFusion  # noqa: E402
from mobile_vla_ros.models.hybrid import HybridConfig, HybridEnsemble  # noqa: E402
from mobile_vla_ros.models.registry import build_model, MODELS  # noqa: E402
from mobile_vla_ros.models.vision import CHANNELS, EfficientNetLite0Grid, GRID  # noqa: E402
from mobile_vla_ros.preprocessing import IMAGE  # noqa: E402
from mobile_vla_ros.training.export import export  # noqa: E402
from mobile_vla_ros.training.loss import weighted_loss  # noqa: E402
from mobile_vla_ros.training.strategies import read_strategy  # noqa: E402

WIDTHS = {'hidden': 32, 'words': 16, 'width': 16, 'kept': 4, 'frame': 16,
          'history_s': (0.4, 1.0)}
SMALL = {'final_fixed': FinalFixedConfig(**WIDTHS), 'advanced': AdvancedConfig(**WIDTHS, heads=2),
         'hybrid': HybridConfig(FinalFixedConfig(**WIDTHS), AdvancedConfig(**WIDTHS, heads=2))}


@pytest.fixture(params=SMALL)
def model(request):
    torch.manual_seed(0)
    model = MODELS[request.param](SMALL[request.param])
    model.name = request.param
    return model.eval()


def inputs(model, batch=2):
    torch.manual_seed(1)
    past = torch.randn(batch, len(model.config.history_s), model.memory)
    return torch.randn(batch, CHANNELS, GRID, GRID), past, torch.randn(batch, 512)


def test_final_fixed_has_the_simple_head_and_weighs_its_axes():
    model = FinalFixed().eval()
    assert isinstance(model.layer_norm, torch.nn.LayerNorm) and model.dropout.p == 0.2
    first, relu, last = model.action_head
    hidden = model.config.hidden
    assert (first.in_features, first.out_features) == (hidden, hidden // 2)
    assert isinstance(relu, torch.nn.ReLU) and last.out_features == 3
    assert model.axis_weight.tolist() == pytest.approx([1.0, 1.0, 0.05])
    assert model.axis_weight.requires_grad
    before, _ = model(*inputs(model))
    with torch.no_grad():
        model.axis_weight.copy_(torch.tensor([1.0, 1.0, 0.10]))
    after, _ = model(*inputs(model))
    assert torch.allclose(after[..., 2], 2 * before[..., 2])
    assert torch.equal(after[..., :2], before[..., :2])


def test_hybrid_mixes_its_members_by_a_learnable_weight():
    model = HybridEnsemble(SMALL['hybrid']).eval()
    assert HybridEnsemble().weight.item() == pytest.approx(0.6)
    grid, past, text = inputs(model)
    frame = WIDTHS['frame']
    first, _ = model.final_fixed(grid, past[..., :frame], text)
    second, _ = model.advanced(grid, past[..., frame:], text)
    assert torch.allclose(model(grid, past, text)[0], 0.6 * first + 0.4 * second, atol=1e-6)
    with torch.no_grad():
        model.logit.fill_(-20.0)
    assert torch.allclose(model(grid, past, text)[0], second, atol=1e-6)
    assert model.logit.requires_grad


def test_advanced_fuses_adaptively_over_a_window_with_more_dropout():
    model = Advanced()
    assert model.dropout.p == 0.4 and isinstance(model.fusion, AdaptiveFeatureFusion)
    assert len(model.config.history_s) > len(FinalFixed().config.history_s)


def test_fusion_weighs_two_modalities_that_sum_to_one():
    torch.manual_seed(0)
    fusion = AdaptiveFeatureFusion(6, 4, 8)
    assert [type(layer) for layer in fusion.weigh] == [
        torch.nn.Linear, torch.nn.ReLU, torch.nn.Linear, torch.nn.Softmax]
    vision, language = torch.rand(3, 6) + 0.1, torch.rand(3, 4) + 0.1
    out = fusion(vision, language)
    assert out.shape == (3, 10)
    seen, heard = (out[:, :6] / vision), (out[:, 6:] / language)
    assert torch.allclose(seen, seen[:, :1].expand(-1, 6), atol=1e-6)
    assert torch.allclose(seen[:, 0] + heard[:, 0], torch.ones(3), atol=1e-6)
    assert not torch.allclose(seen[0, 0], seen[1, 0]), 'each input has weights of its own'


def test_dropout_grows_with_the_model():
    hybrid = HybridEnsemble()
    rates = [FinalFixed().dropout.p, hybrid.final_fixed.dropout.p, hybrid.advanced.dropout.p,
             Advanced().dropout.p]
    assert rates == [0.2, 0.3, 0.3, 0.4]


def test_every_weight_learns_in_one_step(model):
    before = {name: value.clone() for name, value in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0)
    weighted_loss(model(*inputs(model, 8))[0], torch.randn(8, 1, 3)).backward()
    optimizer.step()
    still = [name for name, value in model.named_parameters()
             # The same for every frame, it moves all scores of a softmax alike.
             if torch.equal(value, before[name]) and not name.endswith('key.bias')]
    assert not still


def test_text_and_each_frame_decide(model):
    grid, past, text = inputs(model)
    out, look = model(grid, past, text)
    assert out.shape == (2, 1, 3) and look.shape == (2, model.memory)
    assert not torch.allclose(out, model(grid, past, text.flip(0))[0], atol=1e-5)
    assert not torch.allclose(out, model(torch.zeros_like(grid), past, text)[0], atol=1e-5)
    for age in range(2):
        changed = past.clone()
        changed[:, age] = 0
        assert not torch.allclose(out, model(grid, changed, text)[0], atol=1e-5), age
    if model.name != 'final_fixed':
        assert not torch.allclose(out, model(grid, past.flip(1), text)[0], atol=1e-6), \
            'the order of the frames decides'


def test_words_reach_the_head_beside_what_was_seen_with_them(model):
    words = [model.listen(text) for text in torch.randn(2, 1, 512)]
    looks = torch.randn(1, 3, model.memory)
    first, second = (model.act(looks, heard) for heard in words)
    assert not torch.allclose(first, second, atol=1e-4), 'the same looks, other words'
    grid = torch.randn(1, CHANNELS, GRID, GRID)
    first, second = (model.look(grid, heard) for heard in words)
    assert not torch.allclose(first, second, atol=1e-4), 'the same picture, other words'


@pytest.mark.parametrize('deaf', ['ask', 'hear'])
def test_advanced_heeds_the_words_in_what_it_asks_and_in_what_it_hears(deaf):
    torch.manual_seed(0)
    model = Advanced(SMALL['advanced']).eval()
    with torch.no_grad():
        getattr(model, deaf).weight.zero_()
        looks, words = torch.randn(1, 3, model.memory).expand(2, -1, -1), torch.randn(2, 16)
        first, second = model.act(looks, words)
    assert not torch.allclose(first, second, atol=1e-4)


@pytest.mark.parametrize('name, rate', [('final_fixed', 0.2), ('hybrid', 0.3),
                                        ('advanced', 0.4)])
def test_what_the_head_gets_drops_out_in_training_as_the_strategy_says(name, rate):
    torch.manual_seed(0)
    model = build_model(read_strategy(name).config)
    for mode, share in ((True, rate), (False, 0.0)):
        model.train(mode)
        for member in model.members:
            got = []
            handle = member.action_head.register_forward_pre_hook(
                lambda module, given: got.append(given[0]))
            looks = torch.randn(50, 1 + len(model.config.history_s), model.memory)
            words = torch.cat([torch.randn(50, part.config.words) for part in model.members], -1)
            model.act(looks, words)
            handle.remove()
            assert got[0].eq(0).float().mean() == pytest.approx(share, abs=0.02), name
            hidden = member.layer_norm.normalized_shape[0]
            assert got[0].shape == (50, hidden), 'each unit alone'


def test_memory_gives_what_looking_at_every_frame_again_gives(model):
    """Training looks at whole episodes at once, the robot at one frame a call."""
    grids, text = torch.randn(8, CHANNELS, GRID, GRID), torch.randn(1, 512)
    words = model.listen(text).expand(8, -1)
    looks = model.look(grids, words)
    rows = torch.tensor([[i, max(0, i - 2), max(0, i - 5)] for i in range(8)])
    together = model.act(looks[rows], words)
    remembered, commands = [], []
    for i in range(8):
        past = torch.stack([remembered[j] if j < i else looks[0] for j in rows[i, 1:].tolist()])
        out, look = model(grids[i:i + 1], past[None], text)
        remembered.append(look[0])
        commands.append(out)
    assert torch.allclose(torch.cat(commands), together, atol=1e-5)


def test_a_checkpoint_rebuilds_the_model_and_runs_exported(model, tmp_path):
    from mobile_vla_ros import load_policy
    path = tmp_path / 'a.safetensors'
    save_checkpoint(path, model, describe(model.name, model, 5.0))
    again, metadata = load_model(path)
    assert again.config == model.config and metadata.rate_hz == 5.0
    assert torch.equal(model(*inputs(model))[0], again(*inputs(model))[0])
    assert export(path, tmp_path / 'a.onnx') <= 1e-4
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    exported, native = load_policy(tmp_path / 'a.onnx'), load_policy(path)
    for i in range(4):
        shown = np.roll(image, 5 * i, axis=1)
        assert exported.act(shown, 'go left', i * 200_000_000) == pytest.approx(
            native.act(shown, 'go left', i * 200_000_000), abs=1e-4)


def test_a_checkpoint_that_is_not_ours_is_refused(tmp_path):
    model, path = FinalFixed(SMALL['final_fixed']), tmp_path / 'a.safetensors'
    with pytest.raises(ContractError, match='unknown model'):
        save_checkpoint(path, model, describe('nonsense', model, 5.0))
        load_model(path)
    with torch.no_grad():
        model.fuse.weight[0, 0] = float('nan')
    save_checkpoint(path, model, describe('final_fixed', model, 5.0))
    with pytest.raises(ContractError, match='not finite'):
        load_model(path)


def test_the_vision_encoder_is_frozen_and_pretrained():
    encoder = EfficientNetLite0Grid().train()
    assert not encoder.training and not any(p.requires_grad for p in encoder.parameters())
    image = torch.full((1, IMAGE, IMAGE, 3), 90, dtype=torch.uint8)
    image[:, 16:32, 32:48] = torch.tensor([250, 10, 10], dtype=torch.uint8)
    grid = encoder(image)
    assert grid.shape == (1, CHANNELS, GRID, GRID)
    colour = grid[0, 112:].reshape(3, 64, GRID, GRID).mean(1)  # red, green, blue per cell
    assert colour[:, 1, 2].tolist() == pytest.approx([250 / 255, 10 / 255, 10 / 255], abs=1e-4)
    assert colour[:, 5, 5].tolist() == pytest.approx([90 / 255] * 3, abs=1e-4)


@pytest.mark.parametrize('kind, change, message', [
    (FinalFixedConfig, {'dropout': 1.0}, 'dropout'), (FinalFixedConfig, {'kept': 0}, 'kept'),
    (FinalFixedConfig, {'history_s': (-1,)}, 'history_s'), (AdvancedConfig, {'heads': 0}, 'heads'),
    (HybridConfig, {'ensemble_weight': 1.0}, 'ensemble_weight'),
    (HybridConfig, {'final_fixed': {}}, 'the same history_s')])
def test_a_bad_config_is_refused(kind, change, message):
    with pytest.raises(ValueError, match=message):
        kind(**change)
