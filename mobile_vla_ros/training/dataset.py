"""Bags to a dataset: features on disk, one shard a bag, built once for each bag."""

from functools import partial
import hashlib
from itertools import islice
import json
from pathlib import Path

import numpy as np

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.bags import Bag, decode, OPERATOR
from mobile_vla_ros.data.samples import segments, STANDING_KEPT_S
from mobile_vla_ros.parallel import imap
from mobile_vla_ros.preprocessing import IMAGE, preprocess
from mobile_vla_ros.sim.language import parse_instruction, swap_sides
from mobile_vla_ros.sim.scenario import COLORS, SIDES
from mobile_vla_ros.tally import Tally
from mobile_vla_ros.training.augment import RECIPES, vary
from mobile_vla_ros.training.recordings import MIRROR, PERIOD_S, write_shard


def build(bags: list[Path], out: Path, instruction: str | None = None, processes: int = 2,
          topics: dict | None = None, done=lambda row: None,
          augment: str | None = None, corrections: bool = False,
          every_frame: bool = False, pictures: bool = False) -> list[dict]:
    """
    Add every bag to the dataset in `out`; one that is in it unchanged is not read again.

    :param instruction: of all bags, instead of what was recorded.
    :param topics: image, command, instruction: as of `Bag`.
    :param augment: multiply every episode by the recipe of this distance, or `recorded`: of the
        one that its labels name.
    :param corrections: learn only what the operator did on OPERATOR, taking over from a policy.
    :param every_frame: make several episodes of each, PERIOD_S between their frames as always,
        that begin at different frames, so that none is left out.
    :param pictures: keep the resized pictures beside their features, in rows of their own.
    :returns: for every bag its name, and episodes and frames or, if it was refused, the reason.
    """
    from mobile_vla_ros.training.features import exported
    out.mkdir(parents=True, exist_ok=True)
    exported(out)  # once, before several processes need it
    jobs = [(str(bag), str(out), pictures, instruction, topics or {}, augment, corrections,
             every_frame) for bag in bags]
    rows = []
    for row in imap(_work, jobs, processes):
        rows.append(row)
        done(row)
    return rows


def identity(path: Path, *settings) -> str:
    """Return a name for what would be built of the bag at `path` as it is now."""
    files = sorted(path.rglob('*')) if path.is_dir() else [path]
    told = [(file.name, stat.st_size, stat.st_mtime_ns) for file in files if file.is_file()
            for stat in [file.stat()]]
    told = [told, settings, IMAGE]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return f'{path.stem}-{digest[:8]}'


def _work(job) -> dict:
    path, out, pictures, *settings = job
    row = {'bag': path}
    try:
        if not Path(path).exists():
            raise FileNotFoundError(f'no bag at {path}')
        name = identity(Path(path), *settings)
        described = Path(out) / f'{name}.json'
        if not described.exists() or pictures and not (Path(out) / f'{name}.images.npy').exists():
            _build_one(Path(path), Path(out), name, pictures, *settings)
        episodes = json.loads(described.read_text(encoding='utf-8'))
        own = [episode for episode in episodes if episode['own']]
        return {**row, 'episodes': len(own), 'frames': sum(e['frames'] for e in own),
                'read': own[0].get('read', 0), 'told': own[0].get('told', []),
                'pictures': own[0].get('pictures', '')}
    except (OSError, ValueError) as error:
        return {**row, 'refused': ' '.join(str(error).split())}


def _build_one(path, out, name, pictures, instruction, topics, augment, corrections,
               every_frame) -> None:
    from mobile_vla_ros.training.features import shared_encoder
    encoder = shared_encoder(out)
    if corrections:
        topics = {**topics, 'command': _operator(path, topics)}
    tally = Tally()
    with Bag(path, **topics) as bag:
        distance = _distance(bag) if augment == 'recorded' else augment
        if instruction is None and bag.topics['instruction'] is None:
            raise ValueError(f'{path}: no instruction was recorded; give one with --instruction')
        if bag.topics['command'] is None:
            raise ValueError(f'{path}: no recorded commands (geometry_msgs Twist or '
                             'TwistStamped) to learn from')
        turns = _turns(bag) if every_frame else 1
        found = list(segments(bag.events(), partial(tally.read, _small),
                              PERIOD_S / turns, instruction,
                              0.0 if corrections else STANDING_KEPT_S))
    recipe = RECIPES[distance] if augment else None
    told = bag.reading.words()
    if not found:
        raise ValueError(f'{path}: ' + tally.reason('; '.join([
            'nobody drives in it while an instruction holds and the camera sees', *told])))
    seed = int(name[-8:], 16)
    episodes = []
    takes = [(part.instruction, part.images[turn::turns], part.commands[turn::turns])
             for part in found for turn in range(min(turns, len(part.images)))]
    for number, (said, images, commands) in enumerate(takes):
        images, commands = np.stack(images), np.array(commands, np.float32)
        rng = np.random.default_rng([seed + number, 6])
        for version in range(recipe.copies if recipe else 2):
            if version >= 2:
                seen, driven = vary(images, commands, recipe, rng)
            else:
                seen, driven = images, commands
            row, *arrays = _episode(said, seen, driven, version, encoder, seed + number)
            row |= {'recording': path.stem, 'correction': corrections, 'own': version == 0,
                    'read': bag.reading.read['image'], 'told': told,
                    'pictures': '; '.join(filter(None, (tally.words, tally.assumption)))}
            episodes.append((row, *(arrays if pictures else arrays[:-1])))
    write_shard(out, name, episodes)


def _small(msg):
    return preprocess(decode(msg, IMAGE))


def _episode(text, images, commands, version, encoder, seed) -> tuple:
    """Return a row of a shard, and its arrays; every other version is a mirror image."""
    mirrored = version % 2 == 1
    if mirrored:
        text, commands = swap_sides(text) or text, commands * MIRROR
        images = images[:, :, ::-1]
    grids = np.stack([encoder(np.ascontiguousarray(image)).astype(np.float16)
                      for image in images])
    side, color = _task(text)
    labels = np.full((len(commands), len(SIDES), len(COLORS), 3), np.nan, np.float32)
    labels[:, side or 0, color or 0] = commands
    told = {} if side is not None else {'own_words': text}
    return ({'seed': seed, 'side': SIDES[side or 0], 'color': COLORS[color or 0],
             'mirrored': mirrored, 'version': version, **told}, grids, labels, commands, images)


def _turns(bag: Bag) -> int:
    """Return how many frames the camera gives in PERIOD_S."""
    frames = (event.received_ns for event in bag.events() if event.kind == 'image')
    between = np.diff(list(islice(frames, 500)))
    return max(1, int(1.05 * PERIOD_S * NS / np.median(between))) if len(between) else 1


def _operator(path, topics) -> str:
    """Return the topic with what the operator did."""
    with Bag(path, **topics) as bag:
        named = bag.named('command', OPERATOR)
    if not named:
        raise ValueError(f'{path}: no {OPERATOR} in it, so nobody took over; leave --corrections '
                         'out to learn from all of it')
    return named


def _distance(bag: Bag) -> str:
    """Return the distance class that was recorded with an episode."""
    distance = bag.info.get('distance')
    if distance not in RECIPES:
        raise ValueError(f'{bag.path}: no distance was recorded ({distance!r}); name it: '
                         f'--augment {"|".join(RECIPES)}')
    return distance


def _task(text: str):
    """Return the indices of side and colour if the words name both, and nothing twice."""
    try:
        side, color = parse_instruction(text)
    except ValueError:
        return None, None
    if side is None or color is None:
        return None, None
    return SIDES.index(side), COLORS.index(color)
