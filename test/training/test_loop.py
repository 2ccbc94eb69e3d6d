"""The training loop, step by step: what is learned from, what changes, and what is kept."""

from functools import partial
import math
import multiprocessing
import os
import re
from types import SimpleNamespace

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
from mobile_vla_ros.training.loop import (  # noqa: E402
    learn_words, schedule, threads_each, train, TrainConfig, validate)
from mobile_vla_ros.training.loss import weighted_loss  # noqa: E402
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


# -- what is learned from

@pytest.mark.parametrize('name', CONFIGS)
def test_a_frame_is_acted_on_with_those_before_it_newest_first(name):
    model, drives = build(name), [episode(i, frames) for i, frames in enumerate((4, 6, 5))]
    with torch.inference_mode():
        predicted, target = loop._predict(model.eval(), [
            loop._sample(drive, (0, 0), words, PERIOD_S, model.config) for drive in drives])
    expected = [predictions(model, drive, words) for drive in drives]
    assert predicted.numpy() == pytest.approx(np.concatenate(expected), abs=1e-5)
    assert target[:, 0].numpy() == pytest.approx(np.concatenate(
        [drive.labels[:, 0, 0] for drive in drives]))
    assert not np.allclose(expected[0], expected[1][:4], atol=1e-3)


@pytest.mark.filterwarnings('error:.*CUDA is not available')
def test_what_a_step_needs_goes_to_where_the_model_is(phrases):
    """Which meta is, a place that computes nothing, but takes nothing from any other."""
    model = build().to('meta')
    drives = [loop._sample(episode(i), (0, 0), words, PERIOD_S, model.config) for i in range(2)]
    predicted, target = loop._predict(model, drives)
    assert predicted.device == target.device == torch.device('meta')
    assert loop._predict(build(), drives)[0].device == torch.device('cpu')  # and no warning
    answer = learn_words(model.listen, phrases, settings(word_steps=1, text_noise=0.02))
    assert answer.weight.device == torch.device('meta')


def test_a_chunk_holds_the_commands_to_come_and_repeats_the_last():
    drive = episode(frames=4, tasks=[(1, 2)])
    *_, labels = loop._sample(drive, (1, 2), words, PERIOD_S, build(chunk=3).config)
    driven = drive.labels[:, 1, 2]
    assert np.array_equal(labels, driven[[[0, 1, 2], [1, 2, 3], [2, 3, 3], [3, 3, 3]]])


def test_an_episode_is_asked_for_in_its_task_or_now_and_then_in_another(phrases):
    drive, rng = episode(tasks=[(1, 2), (0, 2), (1, 4)]), np.random.default_rng(0)

    def ask(**change):
        drawn = [loop._task(drive, phrases, settings(**change), rng) for _ in range(60)]
        for task, text in drawn:
            assert np.abs(phrases.vectors[task] - text).max(1).min() < 0.2
        return [task for task, _ in drawn], [text for _, text in drawn]
    assert set(ask()[0]) == {(1, 2)}
    assert set(ask(other_tasks=1.0)[0]) == {(1, 2), (0, 2), (1, 4)}
    assert 0 < sum(task != (1, 2) for task in ask(other_tasks=0.2)[0]) < 30
    plain = {text.tobytes() for text in ask()[1]}
    assert plain == {row.tobytes() for row in phrases.vectors[1, 2]}
    noise = np.array([min((text - row for row in phrases.vectors[1, 2]), key=np.linalg.norm)
                      for text in ask(text_noise=0.02)[1]])
    assert noise.std() == pytest.approx(0.02, rel=0.05) and abs(noise.mean()) < 1e-3


def test_own_words_are_heard_in_training_and_in_validation(phrases):
    model, heard = build(), {True: [], False: []}
    model.listen.register_forward_pre_hook(
        lambda module, given: heard[model.training].append(given[0].clone()))
    drive = episode(said=words)
    run(model, [drive] * 2, settings(other_tasks=1.0), [drive] * 2)
    for training, texts in heard.items():
        texts = torch.cat(texts)
        assert len(texts) == 2 * 3, training
        assert torch.equal(texts, torch.from_numpy(words).expand_as(texts)), training
    task, text = loop._task(drive, phrases, settings(text_noise=0.02), np.random.default_rng(0))
    assert task == (0, 0) and (text - words).std() == pytest.approx(0.02, rel=0.2)


def test_words_that_are_learned_stay_as_they_are_and_others_are_learned():
    for name in CONFIGS:
        for said in (None, words):
            model = build(name)
            before = {key: value.clone() for key, value in model.named_parameters()}
            modes = []
            for member in model.members:
                member.listen.dropout.register_forward_pre_hook(
                    lambda module, _: modes.append((model.training, module.training)))
            run(model, [episode(0), episode(1, said=said)], settings(epochs=2))
            changed = {key for key, value in model.named_parameters()
                       if not torch.equal(value, before[key])}
            assert any('look.enter' in key for key in changed)
            assert any('listen.' in key for key in changed) == (said is not None), name
            assert set(modes) == {(True, said is not None), (False, False)}, name


# -- how a step is made

def test_the_rate_is_stepped_every_batch_up_to_the_end(steps):
    run(build(), [episode(i) for i in range(3)], settings(
        epochs=8, episodes_per_batch=2, learning_rate=1e-3))
    warm = [1e-3 * (0.1 + 0.9 * i / 6) for i in range(6)]
    fall = [1e-6 + (1e-3 - 1e-6) * (1 + math.cos(math.pi * i / 10)) / 2 for i in range(10)]
    assert [rate for rate, _ in steps] == pytest.approx(warm + fall, rel=1e-3)


def test_all_gradients_together_are_clipped(steps):
    run(build(), [episode(i, command=[300.0, -200.0, 100.0]) for i in range(3)], settings())
    assert [norm for _, norm in steps] == pytest.approx([1.0] * 3, rel=1e-3)


def test_every_step_starts_from_its_own_gradient(steps):
    model = build(dropout=0.0)
    model.listen.dropout.p = 0.0
    run(model, [episode(command=[0.01, 0.0, 0.0], said=words)] * 3,
        settings(learning_rate=STILL))
    first, *rest = [norm for _, norm in steps]
    assert first < 0.9 and rest == pytest.approx([first] * 2, rel=1e-3)


@pytest.mark.parametrize('name, rate', [('final_fixed', 0.2), ('advanced', 0.4),
                                        ('hybrid', 0.3)])
def test_units_drop_out_in_training_and_never_in_validation(name, rate):
    wide = {'hidden': 512}
    model = build(name, dropout=rate, **wide) if name != 'hybrid' else build(
        name, **{key: {**vars(part), 'dropout': rate, **wide}
                 for key, part in vars(CONFIGS[name]).items() if key != 'ensemble_weight'})
    dropped = {True: [], False: []}
    for member in model.members:
        member.action_head.register_forward_pre_hook(
            lambda module, given: dropped[model.training].append(given[0].eq(0).float().mean()))
    drive, shares = episode(frames=8), 2 * len(model.members)
    run(model, [drive], settings(epochs=2), [drive])
    assert [share.item() for share in dropped[True]] == pytest.approx([rate] * shares, abs=0.05)
    assert not any(dropped[False]) and len(dropped[False]) == shares


def test_turning_weighs_a_twentieth_by_default():
    predicted = torch.tensor([[[0.5, -0.2, 1.0]]])
    assert weighted_loss(predicted, 0 * predicted).item() == pytest.approx(
        loss_of(predicted.numpy(), 0.0, 0.05), rel=1e-6)


@pytest.mark.parametrize('z_weight', [0.0, 0.3, 1.0])
def test_the_weight_of_turning_is_the_configs_in_training_and_in_validation(z_weight):
    model, drive = build(dropout=0.0), episode(said=words)
    with torch.no_grad():
        model.axis_weight[2] = 1.0  # as if it were used to turn
    row, = run(model, [drive], settings(learning_rate=STILL, z_weight=z_weight))['history']
    model.listen.dropout.p = 0.0
    expected = loss_of(predictions(model, drive, words), drive.labels[:, :1, 0], z_weight)
    assert row['loss'] == pytest.approx(expected, rel=1e-4)
    assert row['train_loss'] == pytest.approx(expected, rel=0.05)  # listening drops out units
    assert loss_of(predictions(model, drive, words), drive.labels[:, :1, 0], 0.6) != \
        pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize('epochs, warm, fall', [(1, 3, 0), (2, 3, 3), (3, 3, 6), (5, 6, 9)])
def test_a_short_training_warms_up_for_half_of_it_but_an_epoch_at_least(epochs, warm, fall):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    rate, rates = schedule(optimizer, epochs, 3), []
    for _ in range(warm + fall):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        rate.step()
    assert rates == pytest.approx(
        [0.1 + 0.9 * i / warm for i in range(warm)]
        + [1e-6 + (1 - 1e-6) * (1 + math.cos(math.pi * i / fall)) / 2 for i in range(fall)])


@pytest.mark.parametrize('steps_each', [1, 3])
def test_the_rate_falls_to_the_end_after_the_last_step(steps_each):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    rate = schedule(optimizer, 2, steps_each)
    for _ in range(2 * steps_each):
        optimizer.step()
        rate.step()
    assert optimizer.param_groups[0]['lr'] == pytest.approx(1e-6, rel=1e-3)


def test_the_weight_decays_as_the_config_says():
    still = [episode(0, command=[0.0, 0.0, 0.0], said=words)]
    kept = []
    for decay in (0.0, 0.5):
        model = build()
        with torch.no_grad():
            model.axis_weight.zero_()  # then nothing but the decay changes the head
        run(model, still, settings(learning_rate=1e-2, weight_decay=decay))
        kept.append(model.action_head[0].weight)
    assert (kept[1] / kept[0]).tolist() == [pytest.approx([1 - 0.5 * 1e-3] * 16)] * 8


def test_every_episode_is_seen_once_an_epoch_in_an_order_of_its_own():
    model, seen = build(), []
    model.look.register_forward_pre_hook(
        lambda _, given: seen.append(given[0][:, 0, 0, 0].tolist()) if model.training else None)
    drives = [Episode(i, 0, 0, np.full((1, CHANNELS, GRID, GRID), i, np.float16),
                      episode(i, 1).labels) for i in range(7)]
    run(model, drives, settings(epochs=3, episodes_per_batch=3))
    assert [len(batch) for batch in seen] == [3, 3, 1] * 3
    orders = [tuple(sum(seen[i:i + 3], [])) for i in (0, 3, 6)]
    assert all(sorted(order) == list(range(7)) for order in orders)
    assert len(set(orders)) == 3 and tuple(range(7)) not in orders


def test_what_is_seen_and_heard_is_standardised_by_a_share_of_it(phrases):
    drives = [episode(i, 21) for i in range(7)]
    for i, drive in enumerate(drives):
        drive.grids[:] += 100 * i
        drive.grids[1:10] += 1000  # not looked at: every tenth frame of every fifth episode is
    model = build()
    loop._standardise(model, drives, phrases)
    taken = np.concatenate([drives[i].grids[[0, 10, 20]] for i in (0, 5)]).astype(np.float32)
    assert model.look.mean.numpy() == pytest.approx(taken.mean((0, 2, 3)), rel=1e-3)
    assert model.look.spread.numpy() == pytest.approx(taken.std((0, 2, 3)) + 1e-3, rel=1e-3)
    heard = phrases.vectors.reshape(-1, 512)
    assert model.listen.mean.numpy() == pytest.approx(heard.mean(0), abs=1e-6)
    assert model.listen.spread.numpy() == pytest.approx(heard.std(0) + 1e-3, abs=1e-6)


@pytest.mark.parametrize('frames, every', [(21, 10), (25, 10), (499, 10), (550, 11), (1050, 21)])
def test_of_a_long_episode_fifty_frames_or_so_standardise(phrases, frames, every):
    drive = SimpleNamespace(grids=np.broadcast_to(
        np.float32(range(frames))[:, None, None, None], (frames, CHANNELS, 2, 2)))
    model = build()
    loop._standardise(model, [drive], phrases)
    taken = np.arange(0, frames, every)
    assert model.look.mean.tolist() == pytest.approx([taken.mean()] * CHANNELS, rel=1e-5)
    assert model.look.spread.tolist() == pytest.approx([taken.std() + 1e-3] * CHANNELS, rel=1e-5)


@pytest.mark.parametrize('count, every', [(11, 5), (999, 5), (1200, 6)])
def test_of_many_episodes_two_hundred_or_so_standardise(phrases, count, every):
    drives = [SimpleNamespace(grids=np.full((1, CHANNELS, 1, 1), i, np.float32))
              for i in range(count)]
    model = build()
    loop._standardise(model, drives, phrases)
    taken = np.arange(0, count, every)
    assert model.look.mean.tolist() == pytest.approx([taken.mean()] * CHANNELS, rel=1e-5)


def test_the_sum_of_many_half_precision_values_does_not_overflow(phrases):
    drive = episode(frames=30)
    drive.grids[:] = 60_000
    model = build()
    loop._standardise(model, [drive], phrases)
    assert model.look.mean.tolist() == pytest.approx([60_000] * CHANNELS, rel=1e-3)


def test_words_are_learned_from_noisy_sentences_of_every_task(steps):
    """Ten tasks, three sentences each, side and colour on axes of their own."""
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(7, 512)) / math.sqrt(512)
    sentences = SimpleNamespace(vectors=np.float32([[
        axes[side] + axes[2 + color] + 0.02 * rng.normal(size=(3, 512)) / math.sqrt(512)
        for color in range(5)] for side in range(2)]))
    listen, heard = build().listen, []
    listen.register_forward_pre_hook(lambda _, given: heard.append(given[0]))
    torch.manual_seed(1)
    answer = learn_words(listen, sentences, settings(word_steps=150, text_noise=0.02))
    flat = torch.from_numpy(sentences.vectors.reshape(30, 512))
    nearest = [torch.cdist(batch, flat).argmin(1) for batch in heard]
    assert {len(batch) for batch in heard} == {64} and len(heard) == 150
    assert set(torch.cat(nearest).tolist()) == set(range(30))
    noise = torch.cat([batch - flat[rows] for batch, rows in zip(heard, nearest)])
    assert noise.std() == pytest.approx(0.02, rel=0.01) and abs(noise.mean()) < 1e-4
    assert noise[:64].std(0).mean() == pytest.approx(0.02, rel=0.05), 'every sentence its own'
    assert [rate for rate, _ in steps] == [1e-3] * 150
    with torch.inference_mode():
        side, color = answer(listen.eval()(flat)).split([2, 5], -1)
    assert side.argmax(-1).tolist() == [0] * 15 + [1] * 15
    assert color.argmax(-1).tolist() == [color for color in range(5) for _ in range(3)] * 2


def test_learning_words_changes_the_listening_and_forgets_no_gradient(steps, phrases):
    listen = build().listen
    before = {key: value.clone() for key, value in listen.named_parameters()}
    learn_words(listen, phrases, settings(word_steps=40))
    assert all(not torch.equal(value, before[key]) for key, value in listen.named_parameters())
    assert max(norm for _, norm in steps) < 10, 'gradients are not summed up over the steps'


def test_learning_words_lets_weights_decay_by_a_hundred_thousandth_a_step():
    """That is the rate times 0.01: of a weight that no sentence uses, nothing else changes."""
    listen = build().listen
    before = listen.enter.weight[:, 7].detach().clone()
    vectors = np.random.default_rng(0).normal(size=(2, 5, 3, 512)).astype(np.float32)
    vectors[..., 7] = 0.0
    learn_words(listen, SimpleNamespace(vectors=vectors), settings(word_steps=20))
    assert (listen.enter.weight[:, 7] / before).tolist() == pytest.approx(
        [(1 - 1e-3 * 1e-2) ** 20] * len(before), abs=2e-5)


# -- what is measured and kept

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
