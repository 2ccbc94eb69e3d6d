"""Work over processes that begin empty: this machine's, or those of a Ray cluster."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import os
from typing import Any, TypeVar

from mobile_vla_ros.environment.packages import missing

CLUSTER = 'RAY_ADDRESS'  # Ray's own variable: auto, local, HOST:PORT
Job = TypeVar('Job')
Result = TypeVar('Result')


def alone(call: Callable[..., Result], *args: Any) -> Result:
    """Run call(*args) in a process of its own and return the result: nothing shares its memory."""
    with ProcessPoolExecutor(1, get_context('spawn')) as pool:
        return pool.submit(call, *args).result()


def imap(call: Callable[[Job], Result], jobs: Iterable[Job], processes: int,
         begin: Callable[..., object] | None = None, *args: Any) -> Iterator[Result]:
    """
    Yield call(job) in the jobs' order; with one process, this one does all of them.

    Where the environment has RAY_ADDRESS, several processes are those of that cluster. Its
    machines must see the same files under the same names.

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


def _over_cluster(call: Callable[[Job], Result], jobs: list[Job], processes: int,
                  begin: Callable[..., object] | None, args: tuple[Any, ...]) -> Iterator[Result]:
    try:
        import ray
        from ray.util import ActorPool
    except ModuleNotFoundError as error:
        raise ValueError(f'{CLUSTER} is {os.environ[CLUSTER]!r}, which {missing(error)}; or '
                         f'unset {CLUSTER}') from error

    class Worker:
        def __init__(self) -> None:
            if begin:
                begin(*args)

        def work(self, job: Job) -> Result:
            return call(job)

    remote: Any = ray.remote(Worker)
    pool = ActorPool([remote.remote() for _ in range(processes)])
    try:
        yield from pool.map(lambda worker, job: worker.work.remote(job), jobs)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
