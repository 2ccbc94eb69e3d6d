"""
Closed loop in the simulator, without ROS in between: a policy drives, scenes judge.

A policy drives through the control code of the drive node (`driver.py`). The expert and the
constant drive by themselves, and they start at once: they are the bounds above and below, not
rivals. The base's own limits of speed and acceleration hold for all.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TYPE_CHECKING

import numpy as np

from mobile_vla_ros.benchmark.disturbance import Disturbance, Perturbation
from mobile_vla_ros.benchmark.driver import Deaf, Driver, STEP_S, STEPS
from mobile_vla_ros.benchmark.phrases import read_phrases
from mobile_vla_ros.contract import Command, Plan, STOP
from mobile_vla_ros.instruction import language_of
from mobile_vla_ros.parallel import imap
from mobile_vla_ros.sim.expert import Expert
from mobile_vla_ros.sim.scenario import make_scenario, Scenario, SIDES
from mobile_vla_ros.sim.simulator import Simulator

if TYPE_CHECKING:  # the expert drives where no backend is
    from mobile_vla_ros.inference.policy import Policy

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
    disturbance: Disturbance = Disturbance()
    trace: bool = False  # rows carry the path, and the expert's length and time

    def __post_init__(self) -> None:
        """
        Check the names.

        :raises ValueError: naming the value and what is allowed.
        """
        for value, allowed in ((self.policy, POLICIES), (self.swap, SWAPS)):
            if value not in allowed:
                raise ValueError(f'{value!r} is not one of {", ".join(allowed)}')


def task_of(seed: int, job: Job) -> tuple[Scenario, str]:
    """Return the scene of `seed` with the task that `job` asks for, and its language if known."""
    scenario = make_scenario(seed, job.held_out_look)
    rng = np.random.default_rng([seed, 6])
    if job.swap == 'sides':
        scenario = scenario.with_task(side=SIDES[1 - SIDES.index(scenario.side)])
    elif job.swap == 'colors':
        others = [b.color for b in scenario.bottles if b.color != scenario.color]
        scenario = scenario.with_task(color=str(rng.choice(others)))
    language = language_of(scenario.instruction)
    if job.phrases:
        language, text = read_phrases(job.phrases).sample(scenario.side, scenario.color, rng)
        scenario = scenario.with_task(instruction=text)
    return scenario, language


def describe(scenario: Scenario, language: str) -> dict[str, Any]:
    """Return what a row says of its task."""
    return {'seed': scenario.seed, 'instruction': scenario.instruction, 'language': language,
            'asked_side': scenario.side, 'asked_color': scenario.color,
            'boxes': scenario.box_count, 'orientation': scenario.orientation,
            'distance': scenario.distance, 'distractors': len(scenario.bottles) - 1}


class Runner:
    """Runs the episodes of one job in one process."""

    def __init__(self, job: Job) -> None:
        """Open the simulator, and the policy unless the expert drives alone."""
        self.job, self.sim = job, Simulator(*SIZE)
        # Called with (simulator, command) at every frame.
        self.watch: Callable[[Simulator, Command], object] | None = None
        if job.phrases:
            read_phrases(job.phrases)  # a bad file shows now
        self.policy: Policy | None = None
        self.driver: Driver | None = None  # of this episode
        if job.policy != 'expert' or job.open_loop:
            from mobile_vla_ros.inference.policy import load_policy
            self.policy = load_policy(job.checkpoint, job.backend, threads=1)

    def run(self, seed: int, job: Job | None = None) -> dict[str, Any]:
        """
        Return one row: the task, how it went, and in open loop the errors.

        :param job: another one with the same policy.
        """
        self.job = job or self.job
        scenario, language = task_of(seed, self.job)
        row = describe(scenario, language)
        if self.job.trace:
            expert = self._drive(scenario, self._teach)
            row |= {'expert_path_m': expert['path_m'], 'expert_seconds': expert['seconds']}
        if self.job.swap != 'none':  # a swapped task that nobody can do measures nothing
            row['reachable'] = self._drive(scenario, self._teach)['success']
            if not row['reachable']:
                return row
        drive = {'expert': self._teach, 'constant': self._constant}.get(self.job.policy, self._act)
        self.errors: list[list[list[float]]] = []  # (frames, policy and constant, axes)
        self.wish = STOP
        outcome = self._drive(scenario, self._compare if self.job.open_loop else drive)
        outcome.pop('distance_m')
        if self.driver and self.driver.error:  # the base stood for it: not the policy's choice
            row['policy_error'] = self.driver.error
        if self.job.trace:
            steps = np.diff(self.commands, axis=0, prepend=[STOP])
            row |= {'path': np.round(self.path, 3).tolist(),
                    'roughness': float(np.abs(steps[:, :2]).sum(1).mean() / STEP_S)}
        return {**row, **outcome, 'errors': self.errors} if self.job.open_loop \
            else {**row, **outcome}

    def _drive(self, scenario: Scenario,
               drive: Callable[[Scenario], list[Command]]) -> dict[str, Any]:
        self.perturbation = Perturbation(self.job.disturbance, scenario.seed, STEP_S)
        self.sim.reset(self.perturbation.mount(scenario))
        self.expert = Expert(scenario)
        self.driver = self._make_driver(scenario, self.policy) if self.policy else None
        self.path = [self.sim.pose[:2]]  # at every frame
        self.commands: list[Command] = []  # at every step
        while not self.sim.outcome().done:
            commands = drive(scenario)
            if self.watch:
                self.watch(self.sim, commands[0])
            for command in commands:
                self.sim.step(self.perturbation.deliver_command(command), STEP_S)
            self.path.append(self.sim.pose[:2])
            self.commands += commands
        return self.sim.outcome().as_dict()

    def _make_driver(self, scenario: Scenario, policy: 'Policy') -> Driver:
        return Driver(Deaf(policy) if self.job.policy == 'no-text' else policy,
                      scenario.instruction)

    @property
    def _driver(self) -> Driver:
        if self.driver is None:
            raise ValueError('no episode is driven by a policy')
        return self.driver

    def _teach(self, scenario: Scenario) -> list[Command]:
        return [self.expert.act(self.sim.pose)] * STEPS

    def _constant(self, scenario: Scenario) -> list[Command]:
        if self.policy is None:
            raise ValueError('a constant command is read from a policy, and none is open')
        return [Command(*self.policy.metadata.data['mean_command'])] * STEPS

    def _act(self, scenario: Scenario) -> list[Command]:
        """Return the commands of the steps up to the next frame."""
        now_s = self.sim.time_s
        self._look(now_s)
        return [self._driver.command_until(now_s + step * STEP_S) for step in range(1, STEPS + 1)]

    def _look(self, now_s: float) -> Plan | None:
        """Let the frame of now be taken; return the plan for the one that arrives, if any does."""
        rgb = BLACK if self.job.policy == 'blind' else self.sim.render()
        arrived = self.perturbation.deliver_frame(rgb, now_s)
        return self._driver.on_frame(*arrived, now_s) if arrived else None

    def _compare(self, scenario: Scenario) -> list[Command]:
        """Note how far the policy's own wish is off, before limits, and let the expert drive."""
        wanted = self._teach(scenario)
        plan = self._look(self.sim.time_s)
        self.wish = plan.at(plan.start_ns) if plan else self.wish
        self.errors.append([[abs(a - w) for a, w in zip(given, wanted[0])]
                            for given in (self.wish, self._constant(scenario)[0])])
        return wanted


Done = Callable[[dict[str, Any]], object]  # takes a row when its episode is over


def run(job: Job, seeds: Iterable[int], processes: int = 2,
        done: Done = lambda row: None) -> list[dict[str, Any]]:
    """Run `seeds` over processes; rows come back in the order of the seeds."""
    return run_each([(job, seed) for seed in seeds], processes, done)


def run_each(tasks: list[tuple[Job, int]], processes: int = 2,
             done: Done = lambda row: None) -> list[dict[str, Any]]:
    """Run (job, seed) pairs, all of one policy, over processes; rows come in their order."""
    rows = []
    for row in imap(_run, tasks, processes, _open, tasks[0][0]):
        rows.append(row)
        done(row)
    return rows


_runner: Runner  # of this process


def _open(job: Job) -> None:
    global _runner
    _runner = Runner(job)


def _run(task: tuple[Job, int]) -> dict[str, Any]:
    job, seed = task
    return _runner.run(seed, job)
