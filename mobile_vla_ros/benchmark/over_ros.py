"""Closed loop over ROS 2: each episode with both nodes as processes, in real time."""

from collections.abc import Callable, Iterable
import io
from typing import Any

from mobile_vla_ros.benchmark.rollout import describe, Job, task_of
from mobile_vla_ros.demo.run import run as run_demo


def check(job: Job) -> None:
    """
    Refuse a job that only the loop without ROS can do.

    :raises ValueError: naming the option that does not go with it.
    """
    refused = {'policy': job.policy != 'checkpoint', 'held-out-look': job.held_out_look,
               'open-loop': job.open_loop, 'swap': job.swap != 'none'}
    for name, given in refused.items():
        if given:
            raise ValueError(f'--over-ros runs the shipped nodes on plain scenes, it takes no '
                             f'other --{name}; leave one of the two out')


def run(job: Job, seeds: Iterable[int],
        done: Callable[[dict[str, Any]], object] = lambda row: None) -> list[dict[str, Any]]:
    """
    Run `seeds` one after another, each in a ROS domain of its own; return their rows.

    :param done: called with every row as it is finished.
    """
    check(job)
    rows = []
    for seed in seeds:
        scenario, language = task_of(seed, job)
        trace, latency = run_demo(scenario, job.checkpoint or '', job.backend, io.StringIO())
        rows.append({**describe(scenario, language), **trace.outcome,
                     'latency_ms_p50': latency[0], 'latency_ms_p99': latency[1]})
        done(rows[-1])
    return rows
