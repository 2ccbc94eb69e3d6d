"""The scoreboard's row of the simulator: P15."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import os
import time

from bench.speed.rows import Row, Size

CORES = os.cpu_count() or 1
_simulator = None


def simulating(size: Size) -> list[Row]:
    """P15: simulated steps of 0.1 s with a picture, on all cores."""
    seeds = range(max(size.scenes, CORES))
    with ProcessPoolExecutor(CORES, get_context('spawn')) as pool:
        list(pool.map(_simulate, [(0, 1)] * CORES))  # compiled and warm
        started = time.perf_counter()
        steps = sum(pool.map(_simulate, [(seed, 200) for seed in seeds]))
        rate = steps / (time.perf_counter() - started)
    return [Row('P15', 'simulated steps with a picture', 'x real time at 10 Hz', rate / 10, 1.0,
                'real time', rate / 10, '>= 50', rate >= 500, details={'steps_per_s': rate})]


def _simulate(job) -> int:
    global _simulator
    from mobile_vla_ros.benchmark.rollout import SIZE
    from mobile_vla_ros.sim.expert import Expert
    from mobile_vla_ros.sim.scenario import make_scenario
    from mobile_vla_ros.sim.simulator import Simulator
    seed, steps = job
    _simulator = _simulator or Simulator(*SIZE)
    scenario = make_scenario(seed)
    _simulator.reset(scenario)
    expert = Expert(scenario)
    for _ in range(steps):
        _simulator.render()
        _simulator.step(expert.act(_simulator.pose), 0.1)
    return steps
