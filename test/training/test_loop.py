"""The training loop: what is measured and kept, how it ends, and how it goes on."""

import math
import multiprocessing
import os
import re

import numpy as np
import pytest

torch = pytest.importorskip('torch')
from support.learning import (  # noqa: E402
    build, episode, loss_of, PERIOD_S, run, settings, STILL, words)
from support.learning import phrases  # noqa: E402, F401

from mobile_vla_ros.models.vision import CHANNELS, GRID  # noqa: E402
from mobile_vla_ros.training import loop  # noqa: E402
from mobile_vla_ros.training.loop import (  # noqa: E402
    threads_each, train, TrainConfig, validate)
from mobile_vla_ros.training.shards import Episode  # noqa: E402


def test_equal_seeds_give_equal_weights_whatever_was_drawn_before():
    trained = []
    for before, seed in ((1, 0), (2, 0), (1, 5)):
        model = build()
        torch.manual_seed(before)
        np.random.default_rng(before)
        drives = [episode(i, tasks=[(0, 0), (1, 0)]) for i in range(4)]
        run(model, drives, settings(seed=seed, other_tasks=0.5, text_noise=0.02, word_steps=1))
        trained.append(torch.cat([value.flatten() for value in model.state_dict().values()]))
    assert torch.equal(trained[0], trained[1]) and not torch.equal(trained[0], trained[2])


def test_an_interrupted_training_goes_on_from_its_last_whole_epoch(tmp_path):
    """As the whole one, bit for bit: dropout, order, moments and the rate go on."""
    drives, path = [episode(i, 2, said=words) for i in range(3)], tmp_path / 'state'
    config = settings(epochs=4, text_noise=0.02, learning_rate=3e-2, weight_decay=1e-2)
    held_out = [episode(7, command=[-0.5, 0.0, 0.0], said=words)]
    whole = build()
    expected = run(whole, drives, config, held_out)

    def stop(row):
        if row['epoch'] == 3:
            raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        run(build(), drives, config, held_out, state=path, note=stop)
    rows, model = [], build()
    result = run(model, drives, config, held_out, state=path, note=rows.append)
    assert [row['epoch'] for row in rows] == [3, 4]
    for told, row in zip(result['history'], expected['history']):
        assert {**told, 'seconds': 0} == {**row, 'seconds': 0}
    for got, wanted in ((model.state_dict(), whole.state_dict()),
                        (result['last_weights'], expected['last_weights'])):
        assert all(torch.equal(got[key], wanted[key]) for key in wanted)
    for change in ({'weight_decay': 0.0}, {'seed': 3}):
        with pytest.raises(ValueError, match=r'=4.* processes 1, data [0-9a-f]{16}, now .*=4'):
            run(build(), drives, TrainConfig(**{**vars(config), **change}), held_out, state=path)
    with pytest.raises(ValueError, match='of another training'):
        run(build(), [*drives[:2], episode(9, said=words)], config, held_out, state=path)


def train_with_another(rank, store, state, weights):
    """Train in a process that is one of two, begin anew from the state, and keep the weights."""
    os.environ.update(WORLD_SIZE='2', RANK=str(rank))
    torch.distributed.init_process_group('gloo', init_method=f'file://{store}', rank=rank,
                                         world_size=2)
    train_three(state=state)
    torch.distributed.barrier()  # by now the first has written the state
    model = train_three(state=state)
    torch.save(model.state_dict(), weights.with_suffix(f'.{rank}'))


def train_three(**more):
    """Train without dropout on three episodes, two a batch: one is left for the second."""
    model = build(dropout=0.0)
    model.listen.dropout.p = 0.0
    drives = [episode(i, 2 + i, said=words) for i in range(3)]
    run(model, drives, settings(epochs=2, episodes_per_batch=2, learning_rate=1e-2, threads=1),
        **more)
    return model


def test_two_processes_reach_the_weights_of_one_though_one_has_no_share_of_a_batch(tmp_path):
    fork = multiprocessing.get_context('fork')  # a new one would import torch for seconds
    pair = [fork.Process(target=train_with_another, daemon=True, args=(
        rank, tmp_path / 'store', tmp_path / 'state', tmp_path / 'weights')) for rank in (0, 1)]
    for one in pair:
        one.start()
    for one in pair:
        one.join(60)
        one.kill()
    assert [one.exitcode for one in pair] == [0, 0]
    alone = train_three().state_dict()
    for rank in (0, 1):
        for name, value in torch.load(tmp_path / f'weights.{rank}').items():
            assert value.numpy() == pytest.approx(alone[name].numpy(), abs=1e-4), (rank, name)


@pytest.mark.parametrize('patience, epochs', [(0, 6), (1, 2), (3, 4)])
def test_training_ends_when_nothing_gets_better_for_a_while(patience, epochs):
    drives = [episode(i, command=[0.5, 0.0, 0.0], said=words) for i in range(3)]
    result = run(build(dropout=0.0), drives, settings(
        epochs=6, patience=patience, learning_rate=1e-2),
        [episode(7, command=[-0.5, 0.0, 0.0], said=words)])
    assert len(result['history']) == epochs and result['best']['epoch'] == 1


def test_of_equal_epochs_the_first_is_the_best():
    rows = [{'epoch': i, 'loss': loss} for i, loss in enumerate([3, 1, 2, 1], 1)]
    assert loop.best_epoch(rows) == 2 and loop.best_epoch(rows[:1]) == 1


def test_progress_is_told_and_every_epoch_noted(capsys):
    drives, rows = [episode(i) for i in range(3)], []
    result = train(build(), drives, drives[:1], settings(epochs=2), PERIOD_S, note=rows.append)
    told, quiet = capsys.readouterr(), run(build(), drives, settings(epochs=2))
    assert rows == result['history'] and not told.out and told.err.count('\n') == 2
    for number, row in enumerate(rows, 1):
        assert (f'epoch {number}: train {row["train_loss"]:.5f}, held out {row["loss"]:.5f}, '
                f'MAE {row["mae"]}\n') in told.err
        assert f'epoch {number}/2' in told.err and f'loss={row["train_loss"]:.4f}' in told.err
        assert 0.0 < row['seconds'] < 100.0
    assert len(quiet['history']) == 2 and capsys.readouterr() == ('', '')


@pytest.mark.parametrize('allowed, threads, processes, each', [
    (None, 4, 1, 4), ('', 4, 1, 4), ('1', 4, 1, 1), ('3,2', 8, 1, 3), ('8', 2, 1, 2),
    ('all', 4, 1, 4), ('4', 4, 2, 2), ('5', 9, 2, 2), ('1', 4, 4, 1)])
def test_processes_share_the_threads_that_are_allowed(monkeypatch, allowed, threads, processes,
                                                      each):
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    if allowed is not None:
        monkeypatch.setenv('OMP_NUM_THREADS', allowed)
    got = threads_each(threads, processes)
    assert got == each and isinstance(got, int)


@pytest.mark.parametrize('name, value, wanted', [
    *[(name, value, 'must be > 0') for name in (
        'epochs', 'episodes_per_batch', 'learning_rate', 'threads') for value in (0, -1)],
    *[(name, -1, 'must be >= 0') for name in (
        'weight_decay', 'text_noise', 'z_weight', 'patience', 'word_steps')],
    ('learning_rate', math.nan, 'must be > 0'), ('weight_decay', math.nan, 'must be >= 0'),
    ('other_tasks', -0.1, r'must be in \[0, 1\]'), ('other_tasks', 1.1, r'must be in \[0, 1\]')])
def test_a_bad_config_is_refused_with_name_value_and_range(name, value, wanted):
    with pytest.raises(ValueError, match=f'^{name} {wanted}, got {value}$'):
        TrainConfig(**{name: value})


def test_the_least_that_is_allowed_is_taken():
    config = TrainConfig(weight_decay=0, text_noise=0, z_weight=0, patience=0, word_steps=0,
                         other_tasks=1, epochs=1, episodes_per_batch=1, threads=1)
    assert config.other_tasks == 1 and TrainConfig(other_tasks=0).other_tasks == 0


def test_the_loss_shown_is_the_mean_of_the_last_twenty(capsys):
    model, order = build(), []
    with torch.no_grad():
        model.axis_weight.zero_()  # then commands are the loss
    model.look.register_forward_pre_hook(
        lambda _, given: order.append(int(given[0].flatten()[0])) if model.training else None)
    drives = [Episode(i, 0, 0, np.full((1, CHANNELS, GRID, GRID), i, np.float16),
                      episode(i, 1, [i, 0.0, 0.0]).labels) for i in range(25)]
    train(model, drives, drives[:1], settings(learning_rate=STILL), PERIOD_S)
    losses = [loss_of(0.0, np.float64([i, 0, 0]), 1.0) for i in order]
    shown = [float(value) for value in re.findall(r'loss=([\d.]+)', capsys.readouterr().err)]
    assert shown[-1] == pytest.approx(np.mean(losses[-20:]), abs=2e-3)
    assert sorted(order) == list(range(25)) and order[4] > 0  # which a mean of 21 would count


def test_validation_stands_beside_the_best_constant(phrases):
    model = build()
    drives = [episode(0, 2, [0.3, 0.0, -0.2]), episode(1, 6, [0.1, 0.4, 0.2])]
    told = validate(model, drives, phrases, settings(), PERIOD_S)
    assert told['constant_mae'] == pytest.approx([0.075, 0.15, 0.15], abs=1e-4)
    with torch.no_grad():
        model.axis_weight.zero_()
    told = validate(model, drives, phrases, settings(z_weight=1.0), PERIOD_S)
    assert told['mae'] == pytest.approx([0.15, 0.3, 0.2], abs=1e-4)
    squares = (2 * (0.09 + 0.04) + 6 * (0.01 + 0.16 + 0.04)) / 24
    assert told['loss'] == pytest.approx(squares + 0.1 * (0.15 + 0.3 + 0.2) / 3, rel=1e-4)


@pytest.mark.parametrize('wanted, best', [(0.5, 4), (-0.5, 1)])
def test_the_weights_that_were_best_on_held_out_episodes_are_left(phrases, wanted, best):
    """Who learns to drive on gets better on those who do, and worse on those who reverse."""
    model, config = build(dropout=0.0), settings(epochs=4, learning_rate=1e-2)
    learned = [episode(i, command=[0.5, 0.0, 0.0], said=words) for i in range(3)]
    held_out = [episode(7, command=[wanted, 0.0, 0.0], said=words)]
    result = run(model, learned, config, held_out)
    losses = [row['loss'] for row in result['history']]
    assert [row['epoch'] for row in result['history']] == [1, 2, 3, 4]
    assert result['best'] == result['history'][best - 1] and min(losses) == losses[best - 1]

    def again():
        return validate(model, held_out, phrases, config, PERIOD_S)['loss']
    assert again() == pytest.approx(losses[best - 1], rel=1e-5)
    model.load_state_dict(result['last_weights'])
    assert again() == pytest.approx(losses[-1], rel=1e-5)
