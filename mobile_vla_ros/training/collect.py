"""Drives in the simulator as cached features: the teacher's driving, and corrections."""

from collections.abc import Callable, Sequence
import json
from pathlib import Path
from typing import Any, TYPE_CHECKING

import cv2
import numpy as np
from tqdm import tqdm

from mobile_vla_ros.contract import Command, STOP
from mobile_vla_ros.parallel import imap
from mobile_vla_ros.preprocessing import IMAGE, preprocess
from mobile_vla_ros.sim.expert import Expert
from mobile_vla_ros.sim.scenario import COLORS, make_scenario, SIDES
from mobile_vla_ros.sim.simulator import Simulator, TIMEOUT
from mobile_vla_ros.training.shards import MIRROR, PERIOD_S, write_shard

if TYPE_CHECKING:  # it imports openvino
    from mobile_vla_ros.training.features import GridPolicy

STEP_S = 0.1  # between the teacher's commands
SIZE = (320, 240)  # px, rendered, then made small for the network as on the robot
ARRIVED_FRAMES = 6  # frames with the teacher at its goal, which end an episode
Grid = np.ndarray  # (C, G, G)


class CommandNoise:
    """Disturbs the base, so that the teacher shows how to recover; seeded."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.drift: np.ndarray = np.zeros(3)
        self.amount = float(rng.choice([0.0, 0.6, 1.2]))
        self.push: np.ndarray = np.zeros(3)
        self.push_steps = 0  # that are left of a push

    def __call__(self, command: Command) -> Command:
        """Return the command with drifting noise or, now and then, a push in its place."""
        self.drift = 0.8 * self.drift + self.rng.normal(0, [0.06, 0.06, 0.08])
        if self.push_steps == 0 and self.rng.random() < 0.02 * self.amount:
            self.push = self.rng.uniform(-1, 1, 3) * [0.25, 0.4, 0.4]
            self.push_steps = int(self.rng.integers(4, 11))
        out: np.ndarray = np.asarray(command) + self.amount * self.drift
        if self.push_steps:
            self.push_steps -= 1
            out = self.push
        return Command(*out.tolist())


class OtherCamera:
    """Changes images as another camera would: exposure, white balance, noise; seeded."""

    def __init__(self, rng: np.random.Generator):
        gains = rng.uniform(0.8, 1.2) * rng.uniform(0.94, 1.06, 3)
        self.curve = np.clip(np.arange(256)[:, None] * gains, 0, 255).astype(np.uint8)[:, None]
        self.noise = rng.integers(0, 7, 2 * IMAGE * IMAGE * 3, dtype=np.uint8)
        self.rng = rng

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Take and return uint8 (IMAGE, IMAGE, 3)."""
        start = int(self.rng.integers(image.size))
        noise = self.noise[start:start + image.size].reshape(image.shape)
        # Saturating arithmetic, far faster than going through a wider type.
        brighter = cv2.add(cv2.LUT(image, self.curve), noise)
        return cv2.subtract(brighter, np.full_like(brighter, 3))


def record(sim: Simulator, seed: int, encode: Callable[[np.ndarray], Grid],
           policy: 'GridPolicy | None' = None,
           faces_target: bool = False) -> list[dict[str, Any]]:
    """
    Drive the scene of `seed` once, and label every frame with the teacher's command.

    :param encode: uint8 (H, W, 3) -> features (C, G, G).
    :param policy: drives instead of the teacher, who only labels (DAgger, Ross 2011).
    :param faces_target: of the teacher, as `Expert` takes it.
    :returns: the episode and its mirror image, each with its task, `grids` (n, C, G, G) float16,
        `executed` (n, 3), the velocity of the base, and `labels` (n, sides, colours, 3): what the
        teacher does for each task that the scene allows, NaN for the others. So one picture
        serves several tasks: it is rendered once, and only the text tells the tasks apart.
    """
    rng = np.random.default_rng([seed, 2])
    scenario = make_scenario(seed)
    sim.reset(scenario)
    expert, disturb = Expert(scenario, faces_target), CommandNoise(rng)
    others = {(SIDES.index(side), COLORS.index(bottle.color)):
              Expert(scenario.with_task(side, bottle.color), faces_target)
              for side in SIDES for bottle in scenario.bottles}
    camera = OtherCamera(rng)
    if policy:
        policy.reset()
    grids, mirrored = [], []
    rows: list[np.ndarray] = []  # labels of each frame
    velocities: list[tuple[float, float, float]] = []
    arrived = 0
    while not sim.outcome().contacts and sim.time_s < TIMEOUT and arrived < ARRIVED_FRAMES:
        image = camera(preprocess(sim.render()))
        grid = encode(image)
        label = np.full((len(SIDES), len(COLORS), 3), np.nan, np.float32)
        for task, other in others.items():
            label[task] = other.act(sim.pose)
        command = policy(grid, scenario.instruction, sim.time_s) if policy else None
        grids.append(grid.astype(np.float16))
        mirrored.append(encode(cv2.flip(image, 1)).astype(np.float16))
        rows.append(label)
        for _ in range(round(PERIOD_S / STEP_S)):
            sim.step(command or disturb(expert.act(sim.pose)), STEP_S)
        velocities.append(sim.velocity)
        arrived += expert.act(sim.pose) == STOP
    labels, executed = np.stack(rows), np.array(velocities, np.float32)
    row = {'seed': seed, 'color': scenario.color,
           'success': sim.outcome().bottle_ok and not sim.outcome().contacts}
    return [{**row, 'side': scenario.side, 'mirrored': False, 'grids': np.stack(grids),
             'labels': labels, 'executed': executed},
            {**row, 'side': SIDES[1 - SIDES.index(scenario.side)], 'mirrored': True,
             'grids': np.stack(mirrored), 'labels': labels[:, ::-1] * MIRROR,
             'executed': executed * MIRROR}]


def _record_shard(job: tuple[Sequence[int], str, str, str | None, bool]) -> None:
    seeds, folder, name, checkpoint, faces_target = job
    from mobile_vla_ros.training.features import Encoder, GridPolicy
    sim, encoder = Simulator(*SIZE), Encoder(folder)
    policy = GridPolicy(checkpoint) if checkpoint else None
    episodes = []
    for seed in seeds:
        for episode in record(sim, seed, encoder, policy, faces_target):
            parts = [episode.pop(name) for name in ('grids', 'labels', 'executed')]
            episodes.append((episode, *parts))
    sim.close()
    write_shard(Path(folder), name, episodes)


def collect(folder: Path, seeds: Sequence[int], processes: int = 2, checkpoint: Path | None = None,
            per_shard: int = 20, faces_target: bool = False) -> None:
    """
    Record the scenes of `seeds` into `folder`, but for those that are in it already.

    :param checkpoint: a torch checkpoint that drives while the teacher labels.
    :param faces_target: of the teacher, as `Expert` takes it.
    """
    from mobile_vla_ros.training.features import export_encoder
    folder.mkdir(parents=True, exist_ok=True)
    export_encoder(folder)  # once, before several processes need it
    recorded = {row['seed'] for shard in folder.glob('*.json')
             for row in json.loads(shard.read_text(encoding='utf-8'))}
    left = [seed for seed in seeds if seed not in recorded]
    jobs = []
    for start in range(0, len(left), per_shard):
        part = left[start:start + per_shard]
        jobs.append((part, str(folder), f'{"dagger" if checkpoint else "expert"}-{part[0]:07d}',
                     str(checkpoint) if checkpoint else None, faces_target))
    for _ in tqdm(imap(_record_shard, jobs, processes), total=len(jobs), unit='shard',
                  desc='corrections' if checkpoint else 'teacher'):
        pass
