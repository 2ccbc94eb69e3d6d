"""Replay several recordings at once, one per core; the result is as one after the other."""

from collections.abc import Callable, Iterable
from pathlib import Path
import time
from typing import Any

from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.inference.policy import load_policy, Policy
from mobile_vla_ros.parallel import imap
from mobile_vla_ros.replay.log import ReplayLog
from mobile_vla_ros.replay.replay import replay

Job = tuple[Path, dict[str, str], dict[str, Any]]  # a bag, its topics, settings of `replay`
_policies: list[Policy] = []  # the one of a worker process


def replay_bags(bags: list[Path], checkpoint: str | None = None, backend: str = 'auto',
                processes: int = 1, topics: dict[str, str] | None = None,
                done: Callable[[], object] = lambda: None, **settings: Any
                ) -> tuple[Policy, list[ReplayLog], float]:
    """
    Return the policy, a log of every bag in their order, and the seconds that it took.

    :param topics: image, command, instruction: as for `Bag`.
    :param done: called after each bag.
    :param settings: those of `replay`.
    :raises ValueError: as `Bag`, `replay` and `load_policy` do.
    """
    several = min(processes, len(bags)) > 1
    policy = load_policy(checkpoint, backend, 1 if several else 0)  # refuses a bad one here
    jobs: list[Job] = [(bag, topics or {}, settings) for bag in bags]
    results: Iterable[ReplayLog] = \
        imap(_work, jobs, processes, _begin, checkpoint, backend) if several else \
        (_replay(policy, job) for job in jobs)
    started, logs = time.perf_counter(), []
    for log in results:
        logs.append(log)
        done()
    return policy, logs, time.perf_counter() - started


def _begin(checkpoint: str | None, backend: str) -> None:
    """Load the policy of a worker process."""
    _policies[:] = [load_policy(checkpoint, backend, threads=1)]


def _work(job: Job) -> ReplayLog:
    return _replay(_policies[0], job)


def _replay(policy: Policy, job: Job) -> ReplayLog:
    path, topics, settings = job
    with Bag(path, **topics) as bag:
        return replay(bag, policy, **settings)
