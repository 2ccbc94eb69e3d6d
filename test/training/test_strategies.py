"""The design note's strategies as they ship, and strategies of a user's own."""

import pytest

torch = pytest.importorskip('torch')

from mobile_vla_ros.models.registry import build_model, name_of  # noqa: E402
from mobile_vla_ros.training import loop  # noqa: E402
from mobile_vla_ros.training.loop import TrainConfig  # noqa: E402
from mobile_vla_ros.training.strategies import NAMES, read_strategy  # noqa: E402
from support.paths import ROOT  # noqa: E402

NOTE = {  # dropout, z, learning rate, weight decay, epochs, patience
    'final_fixed': (0.2, 0.05, 1e-3, 1e-5, 6, 5), 'hybrid': (0.3, 0.05, 1e-4, 1e-4, 15, 5),
    'advanced': (0.4, 0.05, 5e-5, 1e-3, 20, 7)}


@pytest.mark.parametrize('name', NOTE)
def test_a_named_strategy_is_the_design_notes(name):
    strategy = read_strategy(name)
    model, train = build_model(strategy.config), strategy.train
    assert name_of(model) == name
    for member in model.members:
        assert (member.dropout.p, member.axis_weight[2].item()) == pytest.approx(NOTE[name][:2])
    assert (train.z_weight, train.learning_rate, train.weight_decay, train.epochs,
            train.patience) == NOTE[name][1:]
    if name == 'hybrid':
        assert model.weight.item() == pytest.approx(0.6)


def test_every_name_ships_and_the_best_is_the_default():
    assert sorted(NAMES) == sorted(path.stem for path in (ROOT / 'config' / 'train').iterdir())
    models = {name: name_of(build_model(read_strategy(name).config)) for name in NAMES}
    assert models['best'] == models['differential'] == 'final_fixed'
    assert all(models[name] == name for name in set(models) - {'best', 'differential'})
    assert read_strategy('best').train == TrainConfig()
    differential = read_strategy('differential')
    assert (differential.train.z_weight, differential.config.z_weight) == (1.0, 1.0)


@pytest.mark.parametrize('text, message', [
    ('model: final_fixed', 'has the keys config, model, train'),
    ('[1]', 'has the keys'),
    ('{model: big, config: {}, train: {}}', "unknown model 'big'; one of final_fixed"),
    ('{model: advanced, config: {dropot: 0.1}, train: {}}', 'unknown key dropot; AdvancedConfig'),
    ('{model: advanced, config: {dropout: 2}, train: {}}', 'dropout must be a number within'),
    ('{model: advanced, config: {}, train: {epochs: 0}}', 'epochs must be > 0, got 0'),
    ('{model: advanced, config: {}, train: {epochs: many}}', 'a.yaml')])
def test_a_strategy_that_does_not_fit_is_a_clear_error(tmp_path, text, message):
    path = tmp_path / 'a.yaml'
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_strategy(str(path))


def test_an_unknown_name_is_a_clear_error():
    with pytest.raises(ValueError, match="no strategy 'fast'; one of best"):
        read_strategy('fast')


@pytest.mark.parametrize('patience, epochs', [(2, 5), (0, 9)])
def test_training_stops_when_nothing_gets_better(monkeypatch, patience, epochs):
    losses = iter([3.0, 2.0, 1.0, 1.5, 1.2, 1.1, 1.1, 1.1, 1.1])
    monkeypatch.setattr(loop, 'validate', lambda *_: {'loss': next(losses), 'mae': []})
    monkeypatch.setattr(loop, '_standardise', lambda *_: None)
    monkeypatch.setattr(loop, 'learn_words', lambda *_: None)
    model = build_model(read_strategy('final_fixed').config)
    result = loop.train(model, [], [], TrainConfig(epochs=9, patience=patience), 0.2, False)
    assert len(result['history']) == epochs and result['best']['epoch'] == 3
