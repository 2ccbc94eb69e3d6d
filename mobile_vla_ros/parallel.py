"""Work over processes that begin empty: this machine's, or those of a Ray cluster."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import os

from mobile_vla_ros.environment.packages import missing

CLUSTER = 'RAY_ADDRESS'  # Ray's own variable: auto, local, HOST:PORT


def alone(call: Callable, *args):
    """Return call(*args) of a process for it alone: no other call's memory or threads around."""
    with ProcessPoolExecutor(1, get_context('spawn')) as pool:
        return pool.submit(call, *args).result()


def imap(call: Callable, jobs: Iterable, processes: int, begin: Callable | None = None,
         *args) -> Iterator:
    """
    Yield call(job) in the jobs' order; one process is this one, which need not start.

    Where the environment has RAY_ADDRESS, several are those of that cluster, whose machines must
    see the same files under the same names.

    :param begin: called with `args` once in each process, before the first job.
    :raises ValueError: if a cluster is named and Ray is not installed.
    """
    jobs = list(jobs)
    processes = min(processes, len(jobs))
    if processes > 1 and os.environ.get(CLUSTER):
        yield from _over_cluster(call, jobs, processes, begin, args)
    elif processes > 1:
        with get_context('spawn').Pool(processes, begin, args) as pool:
            yield from pool.imap(call, jobs)
    elif jobs:
        if begin:
            begin(*args)
        yield from map(call, jobs)


def _over_cluster(call, jobs, processes, begin, args) -> Iterator:
    try:
        import ray
        from ray.util import ActorPool
    except ModuleNotFoundError as error:
        raise ValueError(f'{CLUSTER} is {os.environ[CLUSTER]!r}, which {missing(error)}; or '
                         f'unset {CLUSTER}') from error

    class Worker:
        def __init__(self):
            if begin:
                begin(*args)

        def work(self, job):
            return call(job)

    remote = ray.remote(Worker)
    pool = ActorPool([remote.remote() for _ in range(processes)])
    try:
        yield from pool.map(lambda worker, job: worker.work.remote(job), jobs)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
