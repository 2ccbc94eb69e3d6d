"""Closed loop in the simulator, without ROS in between: a policy drives, scenes judge."""

from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.evaluate.phrases import PhraseFile
from mobile_vla_ros.evaluate.statistics import rate
from mobile_vla_ros.sim.expert import Expert
from mobile_vla_ros.sim.scenario import make_scenario, Scenario, SIDES
from mobile_vla_ros.sim.simulator import Simulator

PERIOD_S = 0.1
SIZE = (320, 240)  # px
BLACK = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
POLICIES = ('checkpoint', 'expert', 'constant', 'blind', 'no-text')
SWAPS = ('none', 'sides', 'colors')


@dataclass(frozen=True)
class Job:
    """What is measured: who drives, which scenes, in whose words."""

    policy: str = 'checkpoint'
    checkpoint: str | None = None
    backend: str = 'auto'
    swap: str = 'none'
    phrases: str | None = None
    held_out_look: bool = False
    open_loop: bool = False  # the expert drives, the policy is only asked

    def __post_init__(self):
        """
        Check the names.

        :raises ValueError: naming the value and what is allowed.
        """
        for value, allowed in ((self.policy, POLICIES), (self.swap, SWAPS)):
            if value not in allowed:
                raise ValueError(f'{value!r} is not one of {", ".join(allowed)}')


def task_of(seed: int, job: Job, phrases: PhraseFile | None = None) -> tuple[Scenario, str]:
    """Return the scene of `seed` with the task that `job` asks for, and its language if known."""
    scenario = make_scenario(seed, job.held_out_look)
    rng = np.random.default_rng([seed, 6])
    if job.swap == 'sides':
        scenario = scenario.with_task(side=SIDES[1 - SIDES.index(scenario.side)])
    elif job.swap == 'colors':
        others = [b.color for b in scenario.bottles if b.color != scenario.color]
        scenario = scenario.with_task(color=str(rng.choice(others)))
    language = 'ko' if any('\uac00' <= c <= '\ud7a3' for c in scenario.instruction) else 'en'
    if phrases:
        language, text = phrases.sample(scenario.side, scenario.color, rng)
        scenario = scenario.with_task(instruction=text)
    return scenario, language


def describe(scenario: Scenario, language: str) -> dict:
    """Return what a row says of its task."""
    return {'seed': scenario.seed, 'instruction': scenario.instruction, 'language': language,
            'asked_side': scenario.side, 'asked_color': scenario.color,
            'boxes': scenario.box_count, 'orientation': scenario.orientation,
            'distance': scenario.distance}


class Runner:
    """Runs the episodes of one job in one process."""

    def __init__(self, job: Job):
        """Open the simulator, and the policy unless the expert drives alone."""
        self.job, self.sim = job, Simulator(*SIZE)
        self.phrases = PhraseFile(job.phrases) if job.phrases else None
        self.policy = None
        if job.policy != 'expert' or job.open_loop:
            from mobile_vla_ros.policy import load_policy
            self.policy = load_policy(job.checkpoint, job.backend, threads=1)

    def run(self, seed: int) -> dict:
        """Return one row: the task, how it went, and in open loop the errors."""
        scenario, language = task_of(seed, self.job, self.phrases)
        row = describe(scenario, language)
        if self.job.swap != 'none':  # a swapped task that nobody can do measures nothing
            row['reachable'] = self._drive(scenario, self._teach)['success']
            if not row['reachable']:
                return row
        drive = {'expert': self._teach, 'constant': self._constant}.get(self.job.policy, self._act)
        self.errors = []
        outcome = self._drive(scenario, self._compare if self.job.open_loop else drive)
        outcome.pop('distance_m')
        return {**row, **outcome, 'errors': self.errors} if self.job.open_loop \
            else {**row, **outcome}

    def _drive(self, scenario, drive) -> dict:
        self.sim.reset(scenario)
        self.expert = Expert(scenario)
        if self.policy:
            self.policy.reset()
        while not self.sim.outcome().done:
            self.sim.step(drive(scenario), PERIOD_S)
        return self.sim.outcome().as_dict()

    def _teach(self, scenario) -> Command:
        return self.expert.act(self.sim.pose)

    def _constant(self, scenario) -> Command:
        return Command(*self.policy.metadata.data['mean_command'])

    def _act(self, scenario) -> Command:
        rgb = BLACK if self.job.policy == 'blind' else self.sim.render()
        text = '' if self.job.policy == 'no-text' else scenario.instruction
        return self.policy.act(rgb, text, round(self.sim.time_s * NS))

    def _compare(self, scenario) -> Command:
        wanted = self._teach(scenario)
        constant = self._constant(scenario)
        self.errors.append([[abs(a - w) for a, w in zip(given, wanted)]
                            for given in (self._act(scenario), constant)])
        return wanted


def run(job: Job, seeds, processes: int = 2, done=lambda row: None) -> list[dict]:
    """Run `seeds` over processes; rows come back in the order of the seeds."""
    rows = []
    with get_context('spawn').Pool(processes, _open, (job,)) as pool:
        for row in pool.imap(_run, seeds):
            rows.append(row)
            done(row)
    return rows


def _open(job) -> None:
    global _runner
    _runner = Runner(job)


def _run(seed: int) -> dict:
    return _runner.run(seed)


def summarise(rows: list[dict], job: Job) -> dict:
    """Return the rates of `rows`, each with its 95 % interval."""
    kept = [row for row in rows if row.get('reachable', True)]
    out = {'success': rate(r['success'] for r in kept),
           'contact': rate(r['contacts'] > 0 for r in kept),
           'wrong_side': rate(r['side_ok'] is False for r in kept),
           'wrong_bottle': rate(r['stopped'] and r['bottle'] is not None and not r['bottle_ok']
                                for r in kept),
           'not_finished': rate(not r['stopped'] and not r['contacts'] for r in kept)}
    if job.swap == 'sides':
        out['side_obeyed'] = rate(r['side_ok'] is True for r in kept)
    if job.swap == 'colors':
        out['color_obeyed'] = rate(r['bottle_ok'] for r in kept)
    for language in sorted({r['language'] for r in kept}):
        out[f'success_{language}'] = rate(r['success'] for r in kept if r['language'] == language)
    if job.open_loop:
        errors = np.concatenate([np.array(r['errors']) for r in kept])  # (frames, 2, 3)
        out['mae'], out['constant_mae'] = errors.mean(0).round(5).tolist()
    return out
