"""An episode of the benchmark driven once more, for its film."""

import math
from pathlib import Path

from mobile_vla_ros.benchmark.rollout import Job, Runner, verdict
from mobile_vla_ros.contract import NS
from mobile_vla_ros.demo import film
from mobile_vla_ros.sim.trace import Recording


class Retake:
    """Films episodes of one policy; they come out as they did, because they are deterministic."""

    def __init__(self, job: Job):
        """Open the simulator and the policy of `job`."""
        self._runner = Runner(job)
        self._recording = None

    def film(self, job: Job, seed: int, path: Path) -> dict:
        """Drive the episode, write its film to `path`, return its row."""
        self._recording = None
        self._runner.watch = self._note
        row = self._runner.run(seed, job)
        self._recording.outcome = row
        film.write(self._recording, verdict(row), path)
        return row

    def _note(self, sim, command):
        """Take what is there before a step; an episode that begins anew replaces the last."""
        if sim.time_s == 0.0:
            # The film counts from a stamp of its own, because 0 means that nothing began.
            self._recording = Recording(sim.scenario, origin_ns=NS)
        ns = NS + round(sim.time_s * NS)
        vx, vy, _ = sim.velocity
        self._recording.images.append((ns, sim.render()))
        self._recording.poses.append((ns, (*sim.pose, math.hypot(vx, vy))))
        self._recording.commands.append((ns, command))
