"""
Where the time goes from a bag to a trained network: building, reading features, an epoch.

    python -m bench.speed.data_path         # two minutes on two cores

One process runs the product's own functions; a stage's time is without that of the stages within.
Writes docs/performance.md's table of the data path and docs/results/data_path.json.
"""

import argparse
import json
import os
from pathlib import Path
import tempfile
from types import SimpleNamespace

os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')  # as `train` does, before torch is loaded

import numpy as np  # noqa: E402
from rosbags.highlevel import AnyReader  # noqa: E402
import torch  # noqa: E402

from bench.pages import put  # noqa: E402
from bench.paths import ROOT  # noqa: E402
from bench.speed import drives  # noqa: E402
from bench.speed.stages import fastest, forget, lap, watch  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.environment import memory  # noqa: E402
from mobile_vla_ros.models import final_fixed, perception  # noqa: E402
from mobile_vla_ros.training import bag_shard, dataset, features  # noqa: E402
from mobile_vla_ros.training import loop, phrases, shards  # noqa: E402

BAGS, BAG_S, TIMES = 2, 25.0, 2  # a bag holds its simulated seconds TIMES over
CONFIG = loop.TrainConfig(epochs=6, word_steps=1)
PAIRED, PICKED = 'pictures paired with commands', 'words and labels picked'
FORWARD, STEP = 'forward, loss', 'gradients clipped, optimiser, learning rate'
BUILD = (
    (Bag, '__init__', 'bag opened'), (AnyReader, 'messages', 'messages read'),
    (AnyReader, 'deserialize', 'messages deserialised'), (Bag, 'events', PAIRED),
    (bag_shard, 'segments', PAIRED), (bag_shard, 'decode', 'JPEG decoded'),
    (bag_shard, 'preprocess', 'picture resized'), (features.Encoder, '__init__', 'encoder loaded'),
    (features.Encoder, '__call__', 'encoder'), (bag_shard, 'write_shard', 'features written'))
FETCH = (
    (shards, 'read_shards', 'shards opened'), (loop, '_task', PICKED),
    (loop, '_sample', PICKED), (np, 'concatenate', 'features copied out of the shards'),
    (torch.Tensor, 'float', 'float16 to float32'))
EPOCH = (
    (perception.Listen, 'forward', FORWARD), (perception.Look, 'forward', FORWARD),
    (final_fixed.FinalFixed, 'act', FORWARD), (loop, 'weighted_loss', FORWARD),
    (torch.Tensor, 'backward', 'backward'), (torch.nn.utils, 'clip_grad_norm_', STEP),
    (torch.optim.AdamW, 'step', STEP), (torch.optim.lr_scheduler.SequentialLR, 'step', STEP))


def building(folder: Path, data: Path) -> tuple:
    """Profile `dataset build`, and the encoder alone on the very same pictures."""
    paths = [drives.write(folder / f'bag{n}', BAG_S, 20 * n, TIMES) for n in range(BAGS)]
    dataset.build(paths, data, processes=1, pictures=True)  # exports the encoder too
    pictures = [rgb for file in data.glob('*.images.npy') for rgb in np.load(file)]
    encoder = features.Encoder(data)

    def fresh():  # as a process begins; nothing is built yet
        features.shared_encoder.cache_clear()
        for file in data.glob('*.json'):
            file.unlink()
    alone, read, stages = fastest(
        lambda: [encoder(rgb) for rgb in pictures],
        lambda: [file.read_bytes() for path in paths for file in path.iterdir()],
        lambda: dataset.build(paths, data, processes=1), before=fresh)
    return round(BAGS * BAG_S * TIMES * 20), stages, {
        'the encoder alone, on the same pictures': alone, 'the bags, read as files': read}


def reading(data: Path, before=len) -> tuple:
    """Profile what a network that does nothing is fed."""
    idle = SimpleNamespace(
        config=perception.PerceptionConfig(), parameters=lambda: iter([torch.zeros(1)]), eval=int,
        listen=torch.relu, look=lambda grids, words: words[:, 0],
        act=lambda looks, words: looks[:, None, :3])
    few, files = phrases.Phrases(0, 1), [*data.glob('*.grids.npy')]
    stages, read = fastest(
        lambda: loop.validate(idle, shards.read_shards(data), few, CONFIG,
                              shards.PERIOD_S),
        lambda: [file.read_bytes() for file in files], before=lambda: before(files))
    return sum(len(np.load(file, 'r')) for file in files), stages, {'the files, read whole': read}


def training(data: Path) -> tuple:
    """Profile an epoch without its held-out episodes, and the network alone."""
    episodes, laps, floors = shards.read_shards(data), [], []
    model, other = final_fixed.FinalFixed(), final_fixed.FinalFixed().train()
    other.listen.requires_grad_(False).eval()
    steps = -(-len(episodes) // CONFIG.episodes_per_batch)
    batch = (frames := sum(len(episode.labels) for episode in episodes)) // steps
    grids, text = torch.rand(batch, *episodes[0].grids.shape[1:]), torch.rand(batch, 512)
    rows, optimizer = torch.randint(batch, (batch, 4)), torch.optim.AdamW(other.parameters())

    def alone():
        for _ in range(steps):
            words = other.listen(text)
            predicted = other.act(other.look(grids, words)[rows], words)
            optimizer.zero_grad()
            loop.weighted_loss(predicted, torch.zeros_like(predicted)).backward()
            torch.nn.utils.clip_grad_norm_(other.parameters(), loop.CLIP)
            optimizer.step()

    def note(row):
        laps.append(lap(row['seconds']))
        floors.append(fastest(alone, repeats=1)[0])
    loop.Phrases = lambda seed: phrases.Phrases(seed, 1)  # all of them take half a minute
    loop.validate = lambda *_: {'loss': 0.0}
    loop.train(model, episodes, [], CONFIG, shards.PERIOD_S, False, note=note)
    stages, floor = (min(found[1:], key=lambda spent: spent.total()) for found in (laps, floors))
    return frames, stages, {'the network alone, on random tensors': floor}


def table(parts: dict) -> str:
    """Return ms a frame as Markdown."""
    lines = ['| stage | ms | share |', '|---|---|---|']
    for name, (frames, stages, floors) in parts.items():
        total = stages.total()
        rows = {f'**{name}** ({frames})': total, **stages} | {
            f'*floor: {floor}*': spent.total() for floor, spent in floors.items()}
        lines += [f'| {stage} | {1e3 * spent / frames:.3f} | {spent / total:.0%} |'
                  for stage, spent in rows.items()]
    return '\n'.join(lines)


def main() -> None:
    """Measure and write."""
    argparse.ArgumentParser(prog='python -m bench.speed.data_path', description=__doc__,
                            formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    (ROOT / 'out').mkdir(exist_ok=True)
    watch(BUILD)
    with tempfile.TemporaryDirectory(dir=ROOT / 'out') as folder:
        data = Path(folder) / 'data'
        parts = {'bags to features, a camera frame': building(Path(folder), data)}
        memory.keep_memory(memory.BATCHES)  # as `train` does
        watch(FETCH)
        parts |= {'features from disk, a frame': reading(data, forget),
                  'features from memory, a frame': reading(data)}
        watch(EPOCH)
        parts['an epoch of `final_fixed`, a frame'] = training(data)
    told = {name: dict(zip(('frames', 'seconds', 'floors'), part)) for name, part in parts.items()}
    (ROOT / 'docs' / 'results' / 'data_path.json').write_text(json.dumps(told, indent=1))
    put(ROOT / 'docs' / 'performance.md', 'data', table(parts))
    print(table(parts))


if __name__ == '__main__':
    main()
