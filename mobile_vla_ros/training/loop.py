"""The training loop, from cached features to the best weights; it reads top to bottom."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
import os
from pathlib import Path
import sys
import time
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from mobile_vla_ros.environment.memory import BATCHES, keep_memory
from mobile_vla_ros.models.final_fixed import FinalFixed
from mobile_vla_ros.models.perception import Listen
from mobile_vla_ros.models.registry import Config, Model
from mobile_vla_ros.preprocessing import history_frames
from mobile_vla_ros.training.distributed import ProcessGroup
from mobile_vla_ros.training.loss import weighted_loss
from mobile_vla_ros.training.phrases import Phrases
from mobile_vla_ros.training.resume import History, load_state, save_state, Weights
from mobile_vla_ros.training.shards import digest, Episode

BETAS = (0.9, 0.999)
CLIP = 1.0
WORD_BATCH = 64
# Grids (n, C, G, G), text (n, 512), indices of the earlier frames (n, ages), labels (n, T, 3).
Sample = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
WARMUP_EPOCHS, WARMUP_START, FINAL_RATE = 3, 0.1, 1e-6


@dataclass(frozen=True)
class TrainConfig:
    """How to train; all defaults but the threads' are those of the shipped checkpoint."""

    epochs: int = 16
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    episodes_per_batch: int = 3
    other_tasks: float = 0.2  # share of episodes that get another task and its words
    word_steps: int = 3000  # of learning the words, before driving is learned
    text_noise: float = 0.02  # per value of a unit embedding of 512
    z_weight: float = 0.05
    patience: int = 0  # epochs without a better held-out loss, after which it ends; 0: never
    threads: int = 2  # of all processes together; another number rounds sums differently
    seed: int = 0

    def __post_init__(self) -> None:
        """
        Check every value.

        :raises ValueError: naming the value and what is allowed.
        """
        for name in ('epochs', 'episodes_per_batch', 'learning_rate', 'threads'):
            if not getattr(self, name) > 0:
                raise ValueError(f'{name} must be > 0, got {getattr(self, name)}')
        for name in ('weight_decay', 'text_noise', 'z_weight', 'patience', 'word_steps'):
            if not getattr(self, name) >= 0:
                raise ValueError(f'{name} must be >= 0, got {getattr(self, name)}')
        if not 0 <= self.other_tasks <= 1:
            raise ValueError(f'other_tasks must be in [0, 1], got {self.other_tasks}')


def schedule(optimizer: torch.optim.Optimizer, epochs: int,
             steps: int) -> torch.optim.lr_scheduler.SequentialLR:
    """Return a linear warm-up from a tenth, then a cosine; it is stepped after every batch."""
    warm = min(WARMUP_EPOCHS, max(1, epochs // 2)) * steps
    optim = torch.optim.lr_scheduler
    return optim.SequentialLR(optimizer, [
        optim.LinearLR(optimizer, start_factor=WARMUP_START, total_iters=warm),
        optim.CosineAnnealingLR(optimizer, T_max=max(1, epochs * steps - warm),
                                eta_min=FINAL_RATE)], milestones=[warm])


def train(model: Model, episodes: list[Episode], held_out: list[Episode], config: TrainConfig,
          period_s: float, progress: bool = True, state: Path | None = None,
          note: Callable[[dict[str, Any]], object] = lambda row: None) -> dict[str, Any]:
    """
    Train `model` in place and leave the best weights in it.

    Processes that `torchrun` starts share every batch, and all end with the same weights. Where
    there are GPUs, they compute on them, in bfloat16; the model ends on the CPU.

    :param held_out: episodes of other scenes; they decide which epoch is the best.
    :param state: file in which everything is kept after an epoch. If it is there, training goes
        on from it, to the same weights bit for bit.
    :param note: called with every epoch's row of the history.
    :returns: `history`, a row for every epoch; `best`, the row of the best epoch; and
        `last_weights`, the weights after the last epoch.
    :raises ValueError: if `state` is of another config or other data.
    """
    keep_memory(BATCHES)  # then an epoch takes two thirds of the time
    group = ProcessGroup()
    model.to(group.device)
    torch.set_num_threads(threads_each(config.threads, group.size))
    torch.manual_seed(config.seed)
    rng = np.random.default_rng([config.seed, 4])
    phrases = Phrases(config.seed)
    if not model.members[0].listen.mean.any():  # else training goes on from a checkpoint
        for member in model.members:
            _standardise(member, episodes, phrases)
            learn_words(member.listen, phrases, config)
    if group.rank:
        torch.manual_seed(config.seed + group.rank)  # every process drops out other units
    # Driving would fit the listening to the phrases at hand, and away from unknown ones: it is
    # trained on only if some words were never learned.
    settled = [] if any(not e.known_words for e in episodes) else \
        [member.listen for member in model.members]
    for listen in settled:
        listen.requires_grad_(False)
    batches = -(-len(episodes) // config.episodes_per_batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, betas=BETAS,
                                  weight_decay=config.weight_decay)
    rate = schedule(optimizer, config.epochs, batches)
    history: History = []
    best_weights: Weights = {}
    purpose = f'{config}, processes {group.size}, data {digest(episodes)[:16]}'
    if state and state.exists():
        history, best_weights = load_state(state, purpose, model, optimizer, rate, rng, group.rank)
    for epoch in range(len(history), config.epochs):
        if config.patience and history and epoch - best_epoch(history) >= config.patience:
            break
        started = time.monotonic()
        model.train()
        for listen in settled:
            listen.eval()
        order = rng.permutation(len(episodes))
        bar = tqdm(range(batches), desc=f'epoch {epoch + 1}/{config.epochs}', leave=False,
                   disable=not (progress and group.is_main))
        losses = []
        for i in bar:
            rows = order[i * config.episodes_per_batch:(i + 1) * config.episodes_per_batch]
            tasks = [_task(episodes[row], phrases, config, rng) for row in rows]
            loss = torch.zeros((), device=group.device, requires_grad=True)  # without a share
            optimizer.zero_grad()
            batch = [_sample(episodes[row], task, text, period_s, model.config)
                     for row, (task, text) in group.own_rows(list(zip(rows, tasks)))]
            if batch:
                predicted, target = _predict(model, batch)
                loss = weighted_loss(predicted, target, config.z_weight)
            loss = group.weigh(loss, sum(len(part[0]) for part in batch))
            loss.backward()
            group.sum_gradients(model, loss)
            torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            rate.step()
            losses.append(loss.item())
            bar.set_postfix(loss=f'{np.mean(losses[-20:]):.4f}')
        metrics = validate(model, held_out, phrases, config, period_s)
        history.append({'epoch': epoch + 1, 'train_loss': float(np.mean(losses)),
                        'seconds': time.monotonic() - started, **metrics})
        if progress and group.is_main:
            tqdm.write(f'epoch {epoch + 1}: train {history[-1]["train_loss"]:.5f}, held out '
                       f'{metrics["loss"]:.5f}, MAE {metrics["mae"]}', file=sys.stderr)
        if group.is_main:
            note(history[-1])
        if best_epoch(history) == epoch + 1:
            best_weights = {k: v.detach().clone() for k, v in model.state_dict().items()}
        torch_rngs = group.gather(torch.get_rng_state())
        if state and group.is_main:
            save_state(state, purpose, model, optimizer, rate, rng, torch_rngs, history,
                       best_weights)
    model.cpu()
    last = {k: v.detach().clone() for k, v in model.state_dict().items()}
    model.load_state_dict(best_weights)
    return {'history': history, 'best': history[best_epoch(history) - 1], 'last_weights': last}


def threads_each(threads: int, processes: int) -> int:
    """Return the threads of each process; no more than OMP_NUM_THREADS allows all of them."""
    # Two that share one core with others would only wait.
    allowed = os.environ.get('OMP_NUM_THREADS', '').split(',')[0]
    return max(1, (min(threads, int(allowed)) if allowed.isdigit() else threads) // processes)


def best_epoch(history: History) -> int:
    """Return the epoch with the least held-out loss, counted from 1."""
    epoch: int = min(history, key=lambda row: row['loss'])['epoch']
    return epoch


def _standardise(model: FinalFixed, episodes: list[Episode], phrases: Phrases) -> None:
    """Give the model the mean and spread of a share of the features, and of the words."""
    # However many there are, a thousand episodes' share is enough, and fits into memory.
    frames = np.concatenate([np.asarray(e.grids[::max(10, len(e.grids) // 50)], np.float32)
                             for e in episodes[::max(5, len(episodes) // 200)]])
    pixels = frames.transpose(0, 2, 3, 1).reshape(-1, frames.shape[1])
    words = phrases.vectors.reshape(-1, phrases.vectors.shape[-1])
    for mean, spread, values in ((model.listen.mean, model.listen.spread, words),
                                 (model.look.mean, model.look.spread, pixels)):
        mean.copy_(torch.from_numpy(values.mean(0)))
        spread.copy_(torch.from_numpy(values.std(0) + 1e-3))


def learn_words(listen: Listen, phrases: Phrases, config: TrainConfig) -> torch.nn.Linear:
    """
    Teach `listen` to tell side and colour by the words alone; return the classifier behind it.

    From pictures it takes thousands of steps to learn what a sentence asks for. Until then left
    and right average to straight on.
    """
    sides, colors, count, width = phrases.vectors.shape
    device = listen.mean.device
    vectors = torch.from_numpy(phrases.vectors).reshape(-1, width).to(device)
    task = torch.arange(sides * colors, device=device).repeat_interleave(count)
    answer = torch.nn.Linear(listen.leave.out_features, sides + colors).to(device)
    optimizer = torch.optim.AdamW([*listen.parameters(), *answer.parameters()], lr=1e-3,
                                  weight_decay=1e-2)
    for _ in range(config.word_steps):
        rows = torch.randint(len(task), (WORD_BATCH,))
        text = vectors[rows] + config.text_noise * torch.randn(WORD_BATCH, width).to(device)
        side, color = answer(listen(text)).split([sides, colors], -1)
        loss = torch.nn.functional.cross_entropy(side, task[rows] // colors) \
            + torch.nn.functional.cross_entropy(color, task[rows] % colors)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return answer


@torch.inference_mode()
def validate(model: Model, episodes: list[Episode], phrases: Phrases, config: TrainConfig,
             period_s: float) -> dict[str, Any]:
    """Return loss and MAE per axis over `episodes`, and the MAE of a constant command."""
    model.eval()
    rng = np.random.default_rng([config.seed, 5])
    pairs = []
    for episode in episodes:
        task = (episode.side, episode.color)
        text = phrases.draw(*task, rng) if episode.words is None else episode.words
        pairs.append(_predict(model, [_sample(episode, task, text, period_s, model.config)]))
    predicted, target = (torch.cat(part) for part in zip(*pairs))
    error = (predicted - target).abs().mean((0, 1))
    constant = (target - target.mean((0, 1))).abs().mean((0, 1))
    return {'loss': weighted_loss(predicted, target, config.z_weight).item(),
            'mae': [round(v, 4) for v in error.tolist()],
            'constant_mae': [round(v, 4) for v in constant.tolist()]}


def _task(episode: Episode, phrases: Phrases, config: TrainConfig,
          rng: np.random.Generator) -> tuple[tuple[int, int], np.ndarray]:
    """Draw an episode's task for this time, (side, colour), and its words (512,)."""
    tasks = episode.tasks
    other = rng.random() < config.other_tasks
    task = tasks[int(rng.integers(len(tasks)))] if other else (episode.side, episode.color)
    text = phrases.draw(*task, rng) if episode.words is None else episode.words
    noise = config.text_noise
    return task, text + rng.normal(0, noise, text.shape) if noise else text


def _sample(episode: Episode, task: tuple[int, int], text: np.ndarray, period_s: float,
            model_config: Config) -> Sample:
    """Return grids (n, C, G, G), text (n, 512), earlier frames (n, ages), labels (n, T, 3)."""
    count = len(episode.grids)
    earlier = [_earlier(i, period_s, model_config.history_s) for i in range(count)]
    ahead = np.minimum(np.arange(count)[:, None] + np.arange(model_config.chunk), count - 1)
    return (np.asarray(episode.grids), np.tile(text.astype(np.float32), (count, 1)),
            np.array(earlier).reshape(count, -1), episode.labels[ahead, task[0], task[1]])


@lru_cache(maxsize=10_000)  # the same for every episode
def _earlier(number: int, period_s: float, history_s: tuple[float, ...]) -> list[int]:
    stamps = np.round(np.arange(number + 1) * period_s * 1e9).astype(np.int64)
    return history_frames(stamps, stamps[-1], history_s)


def _predict(model: Model, batch: list[Sample]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the commands predicted for every frame of a batch, and the labels."""
    device = next(model.parameters()).device
    grids = torch.from_numpy(np.concatenate([part[0] for part in batch])).to(device).float()
    text = torch.from_numpy(np.concatenate([part[1] for part in batch])).to(device)
    rows, start = [], 0
    for part in batch:
        now = np.arange(len(part[2]))[:, None]
        rows.append(start + np.concatenate([now, part[2]], axis=1))
        start += len(now)
    indices = torch.from_numpy(np.concatenate(rows))  # (frames, 1 + ages)
    target = torch.from_numpy(np.concatenate([part[3] for part in batch])).to(device)
    with torch.autocast('cuda', torch.bfloat16, enabled=device.type == 'cuda'):
        words = model.listen(text)
        looks = model.look(grids, words)  # every frame is looked at once
        predicted = model.act(looks[indices], words)  # and acted on with its own earlier ones
    return predicted.float(), target
