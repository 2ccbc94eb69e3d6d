"""Shards: episodes on disk as cached features, which is what a training reads."""

from dataclasses import dataclass
from functools import lru_cache
import hashlib
import json
from pathlib import Path
import sys
from typing import Any

import numpy as np

from mobile_vla_ros.models.text import encode_text
from mobile_vla_ros.sim.language import is_task
from mobile_vla_ros.sim.scenario import COLORS, SIDES
from mobile_vla_ros.training.manifest import delete_shard, Manifest, NAME as MANIFEST

PERIOD_S = 0.2  # between frames: closer ones cost as much and add little
LONGEST = 150  # frames, half a minute: a batch of three hour-long ones would take 15 GB
DIGESTED = 4  # frames of an episode, whose features are in the digest
MIRROR = np.array([1, -1, -1], np.float32)  # times a command: left and right exchanged


@dataclass(frozen=True)
class Episode:
    """
    One drive: grids (n, C, G, G) float16, labels (n, sides, colours, 3), the task's indices.

    `words` (512,) is the embedding of the episode's own instruction, None for the simulator's
    tasks; an episode with words has only one task. `recording` is the digest of its bag, `name`
    the bag's name. `original` is False for mirror images and other copies.
    """

    seed: int
    side: int
    color: int
    grids: np.ndarray
    labels: np.ndarray
    words: np.ndarray | None = None
    recording: str = ''
    name: str = ''
    original: bool = True
    known_words: bool = True  # whether the simulator has sentences like these

    @property
    def tasks(self) -> list[tuple[int, int]]:
        """Return every (side, colour) that the scene allows."""
        return [(side, color) for side, color in np.argwhere(
            np.isfinite(self.labels[0, :, :, 0])).tolist()]


def read_shards(*folders: Path) -> list[Episode]:
    """
    Return the episodes of all shards in `folders`, memory-mapped, in the order of their names.

    An episode that is longer than LONGEST is cut into several. A dataset has the shards that its
    manifest lists; a folder of the simulator's has all that lie in it.

    :raises FileNotFoundError: if a folder holds no shard.
    :raises ValueError: if a shard is missing, or holds features of another encoder.
    """
    from mobile_vla_ros.models.vision import CHANNELS, GRID
    episodes = []
    for folder in folders:
        for shard in _shards(Path(folder)):
            grids = np.load(shard.with_suffix('.grids.npy'), mmap_mode='r')
            if grids.shape[1:] != (CHANNELS, GRID, GRID):
                raise ValueError(f'{shard}: holds features {grids.shape[1:]} of another version, '
                                 f'{(CHANNELS, GRID, GRID)} are needed; record or build it anew')
            labels = np.load(shard.with_suffix('.labels.npy'))
            start = 0
            for row in json.loads(shard.read_text()):
                text = row.get('own_words')
                words = None if text is None else _embedded(text)
                for part in _parts(start, row['frames']):
                    episodes.append(Episode(
                        row['seed'], SIDES.index(row.get('side', SIDES[0])),
                        COLORS.index(row.get('color', COLORS[0])), grids[part], labels[part],
                        words, row.get('recording', str(row['seed'])), row.get('name', ''),
                        row.get('own', True), text is None or is_task(text)))
                start += row['frames']
    return episodes


@lru_cache(maxsize=1000)  # many drives have the same words
def _embedded(text: str) -> np.ndarray:
    return encode_text(text)


def _shards(folder: Path) -> list[Path]:
    if (folder / MANIFEST).exists():
        manifest = Manifest(folder)
        for name in manifest.unlisted():
            print(f'{folder}: {name} is not in the manifest, and is left out', file=sys.stderr)
        shards = manifest.shards()
    else:
        check_manifest(folder)
        shards = sorted(folder.glob('*.json'))
    if not shards:
        raise FileNotFoundError(
            f'no recordings in {folder}; make some with `python -m mobile_vla_ros dataset build '
            'BAG --out FOLDER`, or of the simulator with `python -m mobile_vla_ros train '
            '--collect N`')
    return shards


def check_manifest(folder: Path) -> None:
    """
    Refuse a dataset of an older version, which has no list of its shards.

    :raises ValueError: for such a folder.
    """
    if (folder / MANIFEST).exists():
        return
    for shard in sorted(folder.glob('*.labels.npy')):
        rows = shard.with_name(shard.name.replace('.labels.npy', '.json'))
        if rows.exists() and 'recording' in rows.read_text(encoding='utf-8'):
            raise ValueError(f'{folder}: a dataset of an older version, without a {MANIFEST}: '
                             'nothing tells which of its shards are still meant; build it anew '
                             'in another folder')


def _parts(start: int, frames: int) -> list[slice]:
    """Cut an episode that is too long into equal parts."""
    count = -(-frames // LONGEST)
    ends = [start + frames * i // count for i in range(count + 1)]
    return [slice(*pair) for pair in zip(ends, ends[1:])]


def write_shard(folder: Path, name: str, episodes: list[tuple[Any, ...]]) -> None:
    """
    Write episodes: each is (row, grids, labels, executed), and images if they are kept.

    Images are uint8 (n, IMAGE, IMAGE, 3). The .json is written last, when all else is there.
    """
    rows = [{**row, 'frames': len(labels), 'shard': name} for row, _, labels, *_ in episodes]
    parts = zip(('grids', 'labels', 'executed', 'images'), zip(*(part[1:] for part in episodes)))
    try:
        for kind, arrays in parts:
            np.save(folder / f'{name}.{kind}.npy', np.concatenate(arrays))
    except OSError:  # a full disk must not stay full of arrays that nobody can read
        delete_shard(folder, name)
        raise
    (folder / f'{name}.json').write_text(json.dumps(rows, ensure_ascii=False), encoding='utf-8')


def digest(episodes: list[Episode]) -> str:
    """
    Return the SHA-256 of the data that is learned from, in the order of seeds.

    It covers each episode's recording, seed, task, words and labels, and the features of a few
    of its frames.
    """
    total = hashlib.sha256()
    for episode in sorted(episodes, key=lambda episode: (episode.seed, episode.side)):
        total.update(f'{episode.recording} {episode.seed} {episode.side} {episode.color}'.encode())
        total.update(np.ascontiguousarray(episode.labels).tobytes())
        for row in np.linspace(0, len(episode.grids) - 1, DIGESTED).astype(int):
            total.update(np.ascontiguousarray(episode.grids[row]).tobytes())
        total.update(b'' if episode.words is None else episode.words.tobytes())
    return total.hexdigest()
