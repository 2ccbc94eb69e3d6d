"""Several recordings replayed at once, one a core; what comes out is as one after the other."""

from pathlib import Path
import time

from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.inference.policy import load_policy
from mobile_vla_ros.parallel import imap
from mobile_vla_ros.replay.replay import replay


def replay_bags(bags: list[Path], checkpoint: str | None = None, backend: str = 'auto',
                processes: int = 1, topics: dict | None = None, done=lambda: None,
                **settings) -> tuple:
    """
    Return (the policy, a Drive of every bag in their order, the seconds that it took).

    :param topics: image, command, instruction: as of `Bag`.
    :param done: called after each bag.
    :param settings: of `replay`.
    :raises ValueError: as `Bag`, `replay` and `load_policy`.
    """
    several = min(processes, len(bags)) > 1
    policy = load_policy(checkpoint, backend, 1 if several else 0)  # it must be loadable anyway
    jobs = [(bag, topics or {}, settings) for bag in bags]
    started, drives = time.perf_counter(), []
    coming = imap(_work, jobs, processes, _open, checkpoint, backend) if several else \
        (_replay(policy, *job) for job in jobs)
    for drive in coming:
        drives.append(drive)
        done()
    return policy, drives, time.perf_counter() - started


def _open(checkpoint, backend) -> None:
    global _policy
    _policy = load_policy(checkpoint, backend, threads=1)


def _work(job):
    return _replay(_policy, *job)


def _replay(policy, path, topics, settings):
    with Bag(path, **topics) as bag:
        return replay(bag, policy, **settings)
