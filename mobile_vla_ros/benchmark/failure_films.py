"""Films of episodes of the benchmark: each is driven once more, and comes out the same."""

import math
from pathlib import Path
from typing import Any

from mobile_vla_ros.benchmark.metrics import verdict
from mobile_vla_ros.benchmark.rollout import Job, Runner
from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.demo import film
from mobile_vla_ros.sim.simulator import Simulator
from mobile_vla_ros.sim.trace import Trace

ORIGIN_NS = NS  # a trace counts from its own stamp, because 0 means that no episode began


class FailureFilms:
    """Films episodes of one policy; they end as they did, because they are deterministic."""

    def __init__(self, job: Job):
        """Open the simulator and the policy of `job`."""
        self._runner = Runner(job)

    def film(self, job: Job, seed: int, path: Path) -> dict[str, Any]:
        """Drive the episode, write its film to `path`, return its row."""
        traces: list[Trace] = []

        def record_step(sim: Simulator, command: Command) -> None:
            if sim.time_s == 0.0:  # the expert may drive the scene first, for the row
                traces.append(Trace(sim.scenario, origin_ns=ORIGIN_NS))
            _record_step(traces[-1], sim, command)
        self._runner.watch = record_step
        row = self._runner.run(seed, job)
        traces[-1].outcome = row
        film.write(traces[-1], verdict(row), path)
        return row


def _record_step(trace: Trace, sim: Simulator, command: Command) -> None:
    """Record the state before a step."""
    stamp_ns = ORIGIN_NS + round(sim.time_s * NS)
    vx, vy, _ = sim.velocity
    trace.images.append((stamp_ns, sim.render()))
    trace.poses.append((stamp_ns, (*sim.pose, math.hypot(vx, vy))))
    trace.commands.append((stamp_ns, command))
