"""Before driving is learned: features are standardised, and words are learned."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip('torch')
from support.learning import build, episode, settings  # noqa: E402
from support.learning import phrases, steps  # noqa: E402, F401

from mobile_vla_ros.models.vision import CHANNELS  # noqa: E402
from mobile_vla_ros.training import loop  # noqa: E402
from mobile_vla_ros.training.loop import learn_words  # noqa: E402


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
