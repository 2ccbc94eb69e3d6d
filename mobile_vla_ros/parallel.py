"""Work over processes that begin empty."""

from collections.abc import Callable, Iterable, Iterator
from multiprocessing import get_context


def imap(call: Callable, jobs: Iterable, processes: int, begin: Callable | None = None,
         *args) -> Iterator:
    """
    Yield call(job) in the jobs' order; one process is this one, which need not start.

    :param begin: called with `args` once in each process, before the first job.
    """
    jobs = list(jobs)
    processes = min(processes, len(jobs))
    if processes > 1:
        with get_context('spawn').Pool(processes, begin, args) as pool:
            yield from pool.imap(call, jobs)
    elif jobs:
        if begin:
            begin(*args)
        yield from map(call, jobs)
