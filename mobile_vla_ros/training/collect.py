"""Recordings from the simulator as cached features: the teacher's driving, and corrections."""

import json
from pathlib import Path

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

STEP_S = 0.1  # between the teacher's commands
SIZE = (320, 240)  # px, rendered; what the network takes is made of it as on the robot


class Shove:
    """What disturbs a recording, so that the teacher shows how to recover; seeded."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.drift = np.zeros(3)
        self.amount = float(rng.choice([0.0, 0.6, 1.2]))
        self.push, self.left = np.zeros(3), 0

    def __call__(self, command: Command) -> Command:
        """Return what the base is really told: drifting noise, and now and then a push."""
        self.drift = 0.8 * self.drift + self.rng.normal(0, [0.06, 0.06, 0.08])
        if self.left == 0 and self.rng.random() < 0.02 * self.amount:
            self.push = self.rng.uniform(-1, 1, 3) * [0.25, 0.4, 0.4]
            self.left = int(self.rng.integers(4, 11))
        out = np.asarray(command) + self.amount * self.drift
        if self.left:
            self.left -= 1
            out = self.push
        return Command(*out.tolist())


class OtherCamera:
    """Images as another camera might give them: exposure, white balance, noise; seeded."""

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
        return cv2.subtract(cv2.add(cv2.LUT(image, self.curve), noise), (3, 3, 3))


def record(sim: Simulator, seed: int, encode, policy=None, faces_target=False) -> list[dict]:
    """
    Drive the scene of `seed` once; every frame is labelled with the teacher's command.

    :param encode: uint8 (H, W, 3) -> features (C, G, G).
    :param policy: drives instead of the teacher, who only labels (DAgger, Ross 2011).
    :param faces_target: of the teacher, as `Expert` takes it.
    :returns: the episode and its mirror image, each with grids (n, C, G, G) float16, executed
        (n, 3; the velocity that came of it), the task, and labels (n, sides, colours, 3): what
        the teacher does here for every task that the scene allows, NaN for the others. Other
        words for the same picture cost no rendering, and leave the text as the only thing that
        tells them apart.
    """
    rng = np.random.default_rng([seed, 2])
    scenario = make_scenario(seed)
    sim.reset(scenario)
    expert, shove = Expert(scenario, faces_target), Shove(rng)
    others = {(SIDES.index(side), COLORS.index(bottle.color)):
              Expert(scenario.with_task(side, bottle.color), faces_target)
              for side in SIDES for bottle in scenario.bottles}
    camera = OtherCamera(rng)
    if policy:
        policy.reset()
    grids, mirrored, labels, executed = [], [], [], []
    arrived = 0
    while not sim.outcome().contacts and sim.time_s < TIMEOUT and arrived < 6:
        image = camera(preprocess(sim.render()))
        grid = encode(image)
        label = np.full((len(SIDES), len(COLORS), 3), np.nan, np.float32)
        for task, other in others.items():
            label[task] = other.act(sim.pose)
        command = policy(grid, scenario.instruction, sim.time_s) if policy else None
        grids.append(grid.astype(np.float16))
        mirrored.append(encode(cv2.flip(image, 1)).astype(np.float16))
        labels.append(label)
        for _ in range(round(PERIOD_S / STEP_S)):
            sim.step(command or shove(expert.act(sim.pose)), STEP_S)
        executed.append(sim.velocity)
        arrived += expert.act(sim.pose) == STOP
    labels, executed = np.stack(labels), np.array(executed, np.float32)
    row = {'seed': seed, 'color': scenario.color,
           'success': sim.outcome().bottle_ok and not sim.outcome().contacts}
    return [{**row, 'side': scenario.side, 'mirrored': False, 'grids': np.stack(grids),
             'labels': labels, 'executed': executed},
            {**row, 'side': SIDES[1 - SIDES.index(scenario.side)], 'mirrored': True,
             'grids': np.stack(mirrored), 'labels': labels[:, ::-1] * MIRROR,
             'executed': executed * MIRROR}]


def _work(job) -> None:
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


def collect(folder: Path, seeds, processes: int = 2, checkpoint: Path | None = None,
            per_shard: int = 20, faces_target: bool = False) -> None:
    """
    Record the scenes of `seeds` into `folder`; those that are there already are kept.

    :param checkpoint: a torch checkpoint that drives while the teacher labels.
    :param faces_target: of the teacher, as `Expert` takes it.
    """
    from mobile_vla_ros.training.features import exported
    folder.mkdir(parents=True, exist_ok=True)
    exported(folder)  # once, before several processes need it
    there = {row['seed'] for shard in folder.glob('*.json')
             for row in json.loads(shard.read_text(encoding='utf-8'))}
    left = [seed for seed in seeds if seed not in there]
    jobs = []
    for start in range(0, len(left), per_shard):
        part = left[start:start + per_shard]
        jobs.append((part, str(folder), f'{"dagger" if checkpoint else "expert"}-{part[0]:07d}',
                     str(checkpoint) if checkpoint else None, faces_target))
    for _ in tqdm(imap(_work, jobs, processes), total=len(jobs), unit='shard',
                  desc='corrections' if checkpoint else 'teacher'):
        pass
