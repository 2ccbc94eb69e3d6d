"""The training loop: what a batch is made of, and how a step is taken from it."""

import math

import numpy as np
import pytest

torch = pytest.importorskip('torch')
from support.learning import (  # noqa: E402
    build, CONFIGS, episode, loss_of, PERIOD_S, predictions, run, settings, STILL, words)
from support.learning import phrases, steps  # noqa: E402, F401

from mobile_vla_ros.models.vision import CHANNELS, GRID  # noqa: E402
from mobile_vla_ros.training import loop  # noqa: E402
from mobile_vla_ros.training.loop import learn_words, schedule  # noqa: E402
from mobile_vla_ros.training.loss import weighted_loss  # noqa: E402
from mobile_vla_ros.training.shards import Episode  # noqa: E402


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
