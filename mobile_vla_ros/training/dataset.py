"""Bags to a dataset: features on disk, one shard a recording, built once for each."""

from functools import partial
import hashlib
from itertools import islice
import json
from pathlib import Path

import numpy as np

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.bag_paths import read_info
from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.data.segments import segments, STANDING_KEPT_S
from mobile_vla_ros.data.topics import OPERATOR
from mobile_vla_ros.errors import one_line
from mobile_vla_ros.images.decode import decode
from mobile_vla_ros.images.tally import Tally
from mobile_vla_ros.parallel import imap
from mobile_vla_ros.preprocessing import IMAGE, preprocess
from mobile_vla_ros.sides import mirrored, UNSURE
from mobile_vla_ros.sim.scenario import COLORS, SIDES
from mobile_vla_ros.training.augment import RECIPES, vary
from mobile_vla_ros.training.manifest import (content_digest, is_whole, locked, Manifest,
                                              storage_files)
from mobile_vla_ros.training.shards import check_manifest, MIRROR, PERIOD_S, write_shard


def build(bags: list[Path], out: Path, instruction: str | None = None, processes: int = 2,
          topics: dict | None = None, done=lambda row: None,
          augment: str | None = None, corrections: bool = False,
          every_frame: bool = False, pictures: bool = False, mirror: bool = True) -> list[dict]:
    """
    Add every bag to the dataset in `out`; one that is in it as it would be built stays.

    A recording is known by what is in its files. Built with other words or options it takes the
    place of what was built of it before, and so does a bag whose content changed.

    :param instruction: of all bags, instead of what was recorded.
    :param topics: image, command, instruction: as of `Bag`.
    :param augment: multiply every episode by the recipe of this distance, or `recorded`: of the
        one that its labels name.
    :param corrections: learn only what the operator did on OPERATOR, taking over from a policy.
    :param every_frame: make several episodes of each, PERIOD_S between their frames as always,
        that begin at different frames, so that none is left out.
    :param pictures: keep the resized pictures beside their features, in rows of their own.
    :param mirror: add every episode's mirror image, with left and right exchanged.
    :returns: for every bag its name, and episodes and frames or, if it was refused, the reason.
    :raises ValueError: if `out` holds another version's dataset.
    """
    from mobile_vla_ros.training.features import exported
    out.mkdir(parents=True, exist_ok=True)
    settings = {'instruction': instruction, 'topics': topics or {}, 'augment': augment,
                'corrections': corrections, 'every_frame': every_frame, 'mirror': mirror,
                'image': IMAGE}
    with locked(out):
        check_manifest(out)
        manifest = Manifest(out)
        exported(out)  # once, before several processes need it
        known = {entry['path']: (digest, entry['stat'])
                 for digest, entry in manifest.entries.items()}
        digests = list(imap(_digest, [(str(bag), known) for bag in bags], processes))
        first, jobs = {}, []
        for bag, (digest, refused) in zip(bags, digests):
            twin = '' if refused else first.get(digest, '')
            first.setdefault(digest, str(bag))
            jobs.append((str(bag), str(out), digest, refused, twin, manifest.entries.get(digest),
                         pictures, settings))
        rows = []
        for row in imap(_work, jobs, processes):
            rows.append(_listed(manifest, row))
            done(row)
    return rows


def _digest(job) -> tuple[str, str]:
    """Return (the digest of a bag, why it has none)."""
    path, known = job
    try:
        digest, stat = known.get(str(Path(path).resolve()), ('', None))
        return (digest if stat == _stat(Path(path)) else content_digest(Path(path))), ''
    except OSError as error:
        return '', str(error)


def _stat(path: Path) -> list:
    """Return sizes and times of a bag's files: where they are the same, so is what is in them."""
    if not path.exists():
        raise FileNotFoundError(f'no bag at {path}')
    return [[file.name, file.stat().st_size, file.stat().st_mtime_ns]
            for file in storage_files(path)]


def _listed(manifest: Manifest, row: dict) -> dict:
    """Put what was built into the manifest, and say what it replaced."""
    entry, digest = row.pop('entry', None), row.pop('digest', '')
    if entry and entry != manifest.entries.get(digest):
        for name in manifest.put(digest, entry):
            row['told'] = [*row['told'], f'takes the place of what was built of {name} before']
    return row


def _work(job) -> dict:
    path, out, digest, refused, twin, entry, pictures, settings = job
    row = {'bag': path}
    try:
        if refused:
            raise ValueError(refused)
        if twin:
            return {**row, 'told': [f'is the same recording as {twin}, and counts once']}
        path, told = Path(path), []
        if settings['augment'] == 'recorded':
            settings = {**settings, 'augment': _distance(path)}
        if not entry or entry['settings'] != settings or not is_whole(out, entry, pictures):
            entry = _build_one(path, Path(out), digest, pictures, settings)
        elif entry['path'] != str(path.resolve()):
            if Path(entry['path']).exists():
                told = [f'is the same recording as {entry["path"]}, and counts once']
            else:  # it was moved
                entry = {**entry, 'path': str(path.resolve()), 'name': path.name}
        return {**row, 'digest': digest, 'entry': entry, 'told': [*entry['told'], *told],
                **{key: entry[key] for key in (
                    'episodes', 'frames', 'seconds', 'read', 'unmirrored', 'pictures')}}
    except (OSError, ValueError) as error:
        said = one_line(error, None)
        return {**row, 'refused': said if str(path) in said else f'{path}: {said}'}


def _build_one(path: Path, out: Path, digest: str, pictures: bool, settings: dict) -> dict:
    """Write the shard of one bag; return its entry of the manifest."""
    from mobile_vla_ros.training.features import shared_encoder
    encoder = shared_encoder(out)
    topics, instruction = settings['topics'], settings['instruction']
    corrections = settings['corrections']
    if corrections:
        topics = {**topics, 'command': _operator(path, topics)}
    tally = Tally()
    with Bag(path, **topics) as bag:
        bag.require(instruction, 'to learn from')
        turns = _turns(bag) if settings['every_frame'] else 1
        found = list(segments(bag.events(), partial(tally.read, _small),
                              PERIOD_S / turns, instruction,
                              0.0 if corrections else STANDING_KEPT_S))
    told = bag.reading.words()
    if not found:
        raise ValueError(f'{path}: ' + tally.reason('; '.join([
            'nobody drives in it while an instruction holds and the camera sees', *told])))
    slow = [part for part in found if part is not part.paced(PERIOD_S / turns)]
    if slow:
        hz = sum(len(part.images) for part in slow) / sum(part.seconds for part in slow)
        told = [*told, f'its camera gives {hz:.1f} pictures a second, fewer than the '
                f'{1 / PERIOD_S:g} that are learned from: each stands for several']
        found = [part.paced(PERIOD_S / turns) for part in found]
    # Of the whole bag, so that all that is made of it is drawn alike whatever it is built with.
    seed = int(digest[:8], 16)
    rows, episodes = [], []
    for number, take in enumerate(takes(found, turns)):
        for version, text, images, commands in _versions(take, settings, seed + number):
            row = {'seed': seed + number, 'own_words': text, 'mirrored': version % 2 == 1
                   and settings['mirror'], 'version': version, 'recording': digest[:16],
                   'name': path.name, 'correction': corrections, 'own': version == 0}
            rows.append({**row, 'frames': len(commands)})
            episodes.append((row, *_arrays(images, commands, encoder),
                             *([images] if pictures else [])))
    shard = f'{path.name}-{digest[:8]}-{_short(settings)}'
    write_shard(out, shard, episodes)
    own = [row for row in rows if row['own']]
    return {'name': path.name, 'path': str(path.resolve()), 'stat': _stat(path), 'shard': shard,
            'shard_frames': sum(row['frames'] for row in rows), 'settings': settings,
            'episodes': len(own), 'frames': sum(row['frames'] for row in own),
            'seconds': round(sum(row['frames'] for row in own) * PERIOD_S, 1),
            'instructions': sorted({row['own_words'] for row in own}),
            'unmirrored': len(own) - sum(row['version'] == 1 for row in rows)
            if settings['mirror'] else 0,
            'read': bag.reading.read['image'], 'told': told,
            'pictures': '; '.join(filter(None, (tally.words, tally.assumption)))}


def takes(found: list, turns: int):
    """Yield (text, images, commands) of every stretch, PERIOD_S between its pictures."""
    for part in found:
        for turn in range(min(turns, len(part.images))):
            yield part.instruction, np.stack(part.images[turn::turns]), \
                np.array(part.commands[turn::turns], np.float32)


def _versions(take, settings, seed):
    """Yield (number, text, images, commands): the original, its mirror image, and others."""
    text, images, commands = take
    kind, other = mirrored(text)
    alone = kind == UNSURE or not settings['mirror']
    recipe = RECIPES[settings['augment']] if settings['augment'] else None
    rng = np.random.default_rng([seed, 6])
    for version in range(recipe.copies if recipe else 2):
        seen, driven = (images, commands) if version < 2 else vary(images, commands, recipe, rng)
        if version % 2 == 0 or version >= 2 and not settings['mirror']:
            yield version, text, seen, driven
        elif not alone:
            yield version, other, seen[:, :, ::-1], driven * MIRROR


def _short(settings: dict) -> str:
    told = json.dumps(settings, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()[:6]


def _small(msg):
    return preprocess(decode(msg, IMAGE))


def _arrays(images, commands, encoder) -> tuple:
    """Return the features, the labels (one task only, that of its own words) and the commands."""
    grids = np.stack([encoder(np.ascontiguousarray(image)).astype(np.float16)
                      for image in images])
    labels = np.full((len(commands), len(SIDES), len(COLORS), 3), np.nan, np.float32)
    labels[:, 0, 0] = commands
    return grids, labels, commands


def _turns(bag: Bag) -> int:
    """Return how many frames the camera gives in PERIOD_S."""
    frames = (event.received_ns for event in bag.events() if event.kind == 'image')
    between = np.diff(list(islice(frames, 500)))
    return max(1, int(1.05 * PERIOD_S * NS / np.median(between))) if len(between) else 1


def _operator(path, topics) -> str:
    """Return the topic with what the operator did."""
    with Bag(path, **topics) as bag:
        named = bag.find_topic('command', OPERATOR)
    if not named:
        raise ValueError(f'{path}: no {OPERATOR} in it, so nobody took over; leave --corrections '
                         'out to learn from all of it')
    return named


def _distance(path: Path) -> str:
    """Return the distance class that was recorded with an episode."""
    distance = read_info(path if path.is_dir() else path.parent).get('distance')
    if distance not in RECIPES:
        raise ValueError(f'{path}: no distance was recorded ({distance!r}); name it: '
                         f'--augment {"|".join(RECIPES)}')
    return distance
