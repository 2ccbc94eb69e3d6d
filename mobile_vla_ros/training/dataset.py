"""Bags to a dataset: features on disk, one shard a bag, built once for each bag."""

import hashlib
import json
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from mobile_vla_ros.data.bags import Bag, decode
from mobile_vla_ros.data.samples import segments
from mobile_vla_ros.preprocessing import preprocess
from mobile_vla_ros.sim.language import parse_instruction, swap_sides
from mobile_vla_ros.sim.scenario import COLORS, SIDES
from mobile_vla_ros.training.recordings import MIRROR, PERIOD_S, write_shard


def build(bags: list[Path], out: Path, instruction: str | None = None, processes: int = 2,
          topics: dict | None = None, done=lambda row: None) -> list[dict]:
    """
    Add every bag to the dataset in `out`; one that is in it unchanged is not read again.

    :param instruction: of all bags, instead of what was recorded.
    :param topics: image, command, instruction: as of `Bag`.
    :returns: for every bag its name, and episodes and frames or, if it was refused, the reason.
    """
    from mobile_vla_ros.training.features import Encoder
    out.mkdir(parents=True, exist_ok=True)
    Encoder(out)  # exported once, before several processes need it
    jobs = [(str(bag), str(out), instruction, topics or {}) for bag in bags]
    rows = []
    with get_context('spawn').Pool(min(processes, len(jobs))) as pool:
        for row in pool.imap(_work, jobs):
            rows.append(row)
            done(row)
    return rows


def identity(path: Path, *settings) -> str:
    """Return a name for what would be built of the bag at `path` as it is now."""
    files = sorted(path.rglob('*')) if path.is_dir() else [path]
    told = [(file.name, stat.st_size, stat.st_mtime_ns) for file in files if file.is_file()
            for stat in [file.stat()]]
    digest = hashlib.sha256(json.dumps([told, settings], sort_keys=True).encode()).hexdigest()
    return f'{path.stem}-{digest[:8]}'


def _work(job) -> dict:
    path, out, instruction, topics = job
    row = {'bag': path}
    try:
        if not Path(path).exists():
            raise FileNotFoundError(f'no bag at {path}')
        name = identity(Path(path), instruction, topics)
        described = Path(out) / f'{name}.json'
        if not described.exists():
            _build_one(Path(path), Path(out), name, instruction, topics)
        episodes = json.loads(described.read_text(encoding='utf-8'))
        return {**row, 'episodes': len(episodes) // 2,
                'frames': sum(episode['frames'] for episode in episodes) // 2}
    except (OSError, ValueError) as error:
        return {**row, 'refused': ' '.join(str(error).split())}


def _build_one(path, out, name, instruction, topics) -> None:
    from mobile_vla_ros.training.features import Encoder
    encoder = Encoder(out)

    def encode(msg):
        image = preprocess(decode(msg))
        return tuple(encoder(view).astype(np.float16) for view in (image, cv2.flip(image, 1)))
    with Bag(path, **topics) as bag:
        if instruction is None and bag.topics['instruction'] is None:
            raise ValueError(f'{path}: no instruction was recorded; give one with --instruction')
        if bag.topics['command'] is None:
            raise ValueError(f'{path}: no recorded commands (geometry_msgs Twist or '
                             'TwistStamped) to learn from')
        found = list(segments(bag.events(), encode, PERIOD_S, instruction))
    if not found:
        raise ValueError(f'{path}: nobody drives in it while an instruction holds and the camera '
                         'sees')
    seed = int(name[-8:], 16)
    episodes = []
    for number, part in enumerate(found):
        commands = np.array(part.commands, np.float32)
        for mirrored, grids in ((False, part.grids), (True, part.mirrored)):
            text = part.instruction
            if mirrored:
                text, commands = swap_sides(text) or text, commands * MIRROR
            side, color = _task(text)
            labels = np.full((len(commands), len(SIDES), len(COLORS), 3), np.nan, np.float32)
            labels[:, side or 0, color or 0] = commands
            told = {} if side is not None else {'own_words': text}
            episodes.append(({'seed': seed + number, 'side': SIDES[side or 0],
                              'color': COLORS[color or 0], 'mirrored': mirrored, **told},
                             np.stack(grids), labels, commands))
    write_shard(out, name, episodes)


def _task(text: str):
    """Return the indices of side and colour if the words name both, and nothing twice."""
    try:
        side, color = parse_instruction(text)
    except ValueError:
        return None, None
    if side is None or color is None:
        return None, None
    return SIDES.index(side), COLORS.index(color)
