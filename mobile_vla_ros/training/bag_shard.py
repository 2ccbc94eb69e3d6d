"""One bag to one shard of a dataset: its stretches of driving, mirrored, varied and encoded."""

from collections.abc import Iterator
from functools import partial
import hashlib
from itertools import islice
import json
from pathlib import Path
from typing import Any, TYPE_CHECKING

import numpy as np

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.data.segments import Segment, segments, STANDING_KEPT_S
from mobile_vla_ros.data.topics import OPERATOR
from mobile_vla_ros.images.decode import decode
from mobile_vla_ros.images.tally import Tally
from mobile_vla_ros.preprocessing import IMAGE, preprocess
from mobile_vla_ros.sides import mirrored, UNSURE
from mobile_vla_ros.sim.scenario import COLORS, SIDES
from mobile_vla_ros.training.augment import AUGMENTATIONS, vary
from mobile_vla_ros.training.manifest import file_stats
from mobile_vla_ros.training.shards import MIRROR, PERIOD_S, write_shard

if TYPE_CHECKING:  # it imports openvino
    from mobile_vla_ros.training.features import Encoder

Entry = dict[str, Any]  # of the manifest
Drive = tuple[str, np.ndarray, np.ndarray]  # instruction, images, commands


def build_shard(path: Path, out: Path, digest: str, pictures: bool,
                settings: dict[str, Any]) -> Entry:
    """
    Write the shard of one bag into `out`; return its entry of the manifest.

    :param pictures: keep the resized pictures beside their features.
    :param settings: what `dataset.build` was asked for.
    :raises ValueError: if nothing in the bag can be learned from.
    """
    from mobile_vla_ros.training.features import shared_encoder
    encoder, tally = shared_encoder(out), Tally()
    drives, read, notes = _read_drives(path, settings, tally)
    # Of the whole bag, so that equal bags are varied equally, whatever the other settings are.
    seed = int(digest[:8], 16)
    rows: list[dict[str, Any]] = []
    episodes = []
    for number, drive in enumerate(drives):
        for version, (text, images, commands) in _versions(drive, settings, seed + number):
            row = {'seed': seed + number, 'own_words': text, 'mirrored': version % 2 == 1
                   and settings['mirror'], 'version': version, 'recording': digest[:16],
                   'name': path.name, 'correction': settings['corrections'],
                   'own': version == 0}
            rows.append({**row, 'frames': len(commands)})
            episodes.append((row, *_arrays(images, commands, encoder),
                             *([images] if pictures else [])))
    shard = f'{path.name}-{digest[:8]}-{_short_digest(settings)}'
    write_shard(out, shard, episodes)
    own = [row for row in rows if row['own']]
    frames = sum(row['frames'] for row in own)
    return {'name': path.name, 'path': str(path.resolve()), 'stat': file_stats(path),
            'shard': shard, 'shard_frames': sum(row['frames'] for row in rows),
            'settings': settings, 'episodes': len(own), 'frames': frames,
            'seconds': round(frames * PERIOD_S, 1),
            'instructions': sorted({row['own_words'] for row in own}),
            'unmirrored': len(own) - sum(row['version'] == 1 for row in rows)
            if settings['mirror'] else 0,
            'read': read, 'told': notes,
            'pictures': '; '.join(filter(None, (tally.words, tally.assumption)))}


def recorded_distance(path: Path, info: dict[str, str]) -> str:
    """
    Return the distance that was recorded with an episode.

    :raises ValueError: if there is none.
    """
    distance = info.get('distance')
    if distance not in AUGMENTATIONS:
        raise ValueError(f'{path}: no distance was recorded ({distance!r}); name it: '
                         f'--augment {"|".join(AUGMENTATIONS)}')
    return distance


def _read_drives(path: Path, settings: dict[str, Any],
                 tally: Tally) -> tuple[list[Drive], int, list[str]]:
    """Return a bag's drives, how many pictures were read, and what is to be said of them."""
    topics, instruction = settings['topics'], settings['instruction']
    corrections = settings['corrections']
    if corrections:
        topics = {**topics, 'command': _operator_topic(path, topics)}
    with Bag(path, **topics) as bag:
        bag.require(instruction, 'to learn from')
        turns = _frames_per_period(bag) if settings['every_frame'] else 1
        parts = list(segments(bag.events(), partial(tally.read, _small), PERIOD_S / turns,
                              instruction, 0.0 if corrections else STANDING_KEPT_S))
    notes = bag.reading.words()
    if not parts:
        raise ValueError(f'{path}: ' + tally.reason('; '.join([
            'nobody drives in it while an instruction holds and the camera sees', *notes])))
    slow = [part for part in parts if part is not part.paced(PERIOD_S / turns)]
    if slow:
        hz = sum(len(part.images) for part in slow) / sum(part.seconds for part in slow)
        which = 'its camera gives' if len(slow) == len(parts) else 'parts of it have'
        notes = [*notes, f'{which} {hz:.1f} pictures a second, fewer than the '
                 f'{1 / PERIOD_S:g} that are learned from: each stands for several']
        parts = [part.paced(PERIOD_S / turns) for part in parts]
    return list(_drives(parts, turns)), bag.reading.read['image'], notes


def _drives(parts: list[Segment], turns: int) -> Iterator[Drive]:
    """Yield every stretch `turns` times, each with other frames, PERIOD_S between them."""
    for part in parts:
        for turn in range(min(turns, len(part.images))):
            yield part.instruction, np.stack(part.images[turn::turns]), \
                np.array(part.commands[turn::turns], np.float32)


def _versions(drive: Drive, settings: dict[str, Any], seed: int) -> Iterator[tuple[int, Drive]]:
    """Yield (number, drive): the original is number 0, odd numbers are mirror images."""
    text, images, commands = drive
    kind, mirrored_text = mirrored(text)
    mirrors = settings['mirror'] and kind != UNSURE
    augmentation = AUGMENTATIONS[settings['augment']] if settings['augment'] else None
    rng = np.random.default_rng([seed, 6])
    for version in range(augmentation.copies if augmentation else 2):
        varied, driven = vary(images, commands, augmentation, rng) \
            if augmentation and version >= 2 else (images, commands)
        if version % 2 == 0 or version >= 2 and not settings['mirror']:
            yield version, (text, varied, driven)
        elif mirrors:
            yield version, (mirrored_text, varied[:, :, ::-1], driven * MIRROR)


def _short_digest(settings: dict[str, Any]) -> str:
    text = json.dumps(settings, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def _small(msg: Any) -> np.ndarray:
    return preprocess(decode(msg, IMAGE))


def _arrays(images: np.ndarray, commands: np.ndarray,
            encoder: 'Encoder') -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the features, the labels (of one task, the episode's own) and the commands."""
    grids = np.stack([encoder(np.ascontiguousarray(image)).astype(np.float16)
                      for image in images])
    labels = np.full((len(commands), len(SIDES), len(COLORS), 3), np.nan, np.float32)
    labels[:, 0, 0] = commands
    return grids, labels, commands


def _frames_per_period(bag: Bag) -> int:
    """Return how many frames the camera gives in PERIOD_S."""
    frames = (event.received_ns for event in bag.events() if event.kind == 'image')
    gaps_ns = np.diff(list(islice(frames, 500)))
    return max(1, int(1.05 * PERIOD_S * NS / np.median(gaps_ns))) if len(gaps_ns) else 1


def _operator_topic(path: Path, topics: dict[str, Any]) -> str:
    """Return the topic with the operator's commands."""
    with Bag(path, **topics) as bag:
        topic = bag.find_topic('command', OPERATOR)
    if not topic:
        raise ValueError(f'{path}: no {OPERATOR} in it, so nobody took over; leave --corrections '
                         'out to learn from all of it')
    return topic
