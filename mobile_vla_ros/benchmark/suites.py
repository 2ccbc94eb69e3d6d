"""Named, versioned sets of scenes: every layout, side, distance and disturbance."""

from dataclasses import dataclass, replace
from itertools import product

from mobile_vla_ros.benchmark.disturbance import Disturbance
from mobile_vla_ros.benchmark.rollout import Job
from mobile_vla_ros.contract import DISTANCES
from mobile_vla_ros.environment.share import share_file
from mobile_vla_ros.sim.scenario import make_scenario, ORIENTATIONS, Scenario, SIDES
from mobile_vla_ros.sim.seeds import SUITES

Cell = tuple[int, str, str, str]  # boxes, orientation, side, distance
CELLS: tuple[Cell, ...] = tuple(product((1, 2), ORIENTATIONS, SIDES, DISTANCES))
SPREAD = 10_000  # from the first seed of one part to the first seed of the next


@dataclass(frozen=True)
class Part:
    """Scenes with something in common; every cell (layout, side, distance) occurs `each` times."""

    name: str
    each: int = 1
    bottles: int | None = None  # how many stand in a scene; any number by default
    held_out_look: bool = False
    held_out_phrases: bool = False
    disturbance: Disturbance = Disturbance()


PARTS = {
    # Whoever changes a part, or how its episodes are driven, gives the suite another version:
    # results of two versions don't compare. Since standard-3 the guard of the drive node stands
    # between a policy and the base.
    'standard-3': (
        Part('plain', each=3),
        Part('three other bottles', bottles=4),
        Part('shades, textures and light not trained on', held_out_look=True),
        Part('the task put in other words', each=2, held_out_phrases=True),
        Part('frames 0.1 s late', disturbance=Disturbance(delay_s=0.1)),
        Part('frames 0.3 s late', disturbance=Disturbance(delay_s=0.3)),
        Part('30 % of frames lost', disturbance=Disturbance(drop=0.3)),
        Part('60 % of frames lost', disturbance=Disturbance(drop=0.6)),
        Part('commands 0.1 s late', disturbance=Disturbance(lag_s=0.1)),
        Part('commands 0.3 s late', disturbance=Disturbance(lag_s=0.3)),
        Part('pushed by up to 0.15 m/s', disturbance=Disturbance(push=0.15)),
        Part('pushed by up to 0.3 m/s', disturbance=Disturbance(push=0.3)),
        Part('camera tilted by 3 degrees', disturbance=Disturbance(tilt_deg=3.0)),
        Part('camera moved by 3 cm', disturbance=Disturbance(shift_m=0.03)),
    ),
    'short-2': (Part('plain'),),
}

REPLACED = {'standard-2': 'standard-3', 'short-1': 'short-2'}  # old name: what it is now


def current_name(suite: str) -> str:
    """Return the name under which a suite is run now."""
    return REPLACED.get(suite, suite)


def cell_of(scenario: Scenario) -> Cell:
    """Return the cell that a scene belongs to: its layout, side and distance."""
    return scenario.box_count, scenario.orientation, scenario.side, scenario.distance


def tasks(suite: str, job: Job) -> list[tuple[str, Job, int]]:
    """
    Return (name of the part, job, seed) of every episode, part after part.

    :raises ValueError: if there is no such suite, or `job` asks for what a suite decides.
    """
    if suite not in PARTS:
        raise ValueError(f'no suite {suite!r}; one of {", ".join(PARTS)}')
    decided = {'--swap-sides and --swap-colors': job.swap != 'none', '--phrases': job.phrases,
               '--held-out-look': job.held_out_look, '--open-loop': job.open_loop}
    for name, given in decided.items():
        if given:
            raise ValueError(f'a suite decides its own scenes and words, it takes no {name}; '
                             'leave one of the two out')
    out = []
    for number, part in enumerate(PARTS[suite]):
        own = replace(
            job, trace=True, disturbance=part.disturbance, held_out_look=part.held_out_look,
            phrases=str(share_file('config', 'phrases', 'held_out.yaml'))
            if part.held_out_phrases else None)
        out += [(part.name, own, seed)
                for seed in _balanced(SUITES.start + number * SPREAD, part)]
    return out


def _balanced(first: int, part: Part) -> list[int]:
    """Return the first seeds from `first` on that give every cell as often as `part` asks for."""
    wanted = dict.fromkeys(CELLS, part.each)
    seeds, seed = [], first
    while any(wanted.values()):
        scenario = make_scenario(seed)
        cell = cell_of(scenario)
        if wanted[cell] and part.bottles in (None, len(scenario.bottles)):
            wanted[cell] -= 1
            seeds.append(seed)
        seed += 1
    return seeds
