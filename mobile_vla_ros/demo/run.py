"""One run of the demo: two nodes as processes, an instruction, and the trace of the run."""

from collections.abc import Callable, Iterator
import json
import os
import sys
import time
from typing import TextIO, TYPE_CHECKING

from mobile_vla_ros.demo.processes import Children
from mobile_vla_ros.environment.domain import own_domain
from mobile_vla_ros.environment.transport import profile
from mobile_vla_ros.instruction import normalise
from mobile_vla_ros.sim.language import parse_instruction
from mobile_vla_ros.sim.scenario import make_scenario, Scenario
from mobile_vla_ros.sim.trace import Trace

if TYPE_CHECKING:  # it imports ROS, late
    from mobile_vla_ros.nodes.demo_observer import DemoObserver

Latency = tuple[float | None, float | None]  # p50 and p99, ms
START_S = 60.0  # for both nodes, on a slow machine
QUIET_S = 20.0  # in which the simulated time stands still, at most
SIZE = (480, 360)  # px of the camera


def make_task(seed: int, instruction: str | None) -> Scenario:
    """
    Return the scene of `seed` with the task that the instruction names, its own if None.

    :raises ValueError: if the words name no side or colour, or a bottle that is not there.
    """
    scenario = make_scenario(seed)
    if instruction is None:
        return scenario
    instruction = normalise(instruction)
    side, color = parse_instruction(instruction)
    present = ', '.join(bottle.color for bottle in scenario.bottles)
    if side is None:
        raise ValueError(f'the instruction {instruction!r:.200} names no side: say left or right '
                         '(왼쪽, 오른쪽)')
    if color is None:
        raise ValueError(f'the instruction {instruction!r:.200} names no colour of a bottle; '
                         f'scene {seed} has {present}')
    return scenario.with_task(side, color, instruction)


def environment(domain: int) -> dict[str, str]:
    """Return the environment that keeps the run on this machine and in its ROS domain."""
    return {
        'ROS_DOMAIN_ID': str(domain),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'ROS_LOCALHOST_ONLY': '1' if os.environ.get('ROS_DISTRO') == 'humble' else '0',
        'MUJOCO_GL': os.environ.get('MUJOCO_GL', 'egl'),
        **profile(),
    }


def run(scenario: Scenario, checkpoint: str, backend: str,
        stream: TextIO | None = None) -> tuple[Trace, Latency]:
    """
    Drive one episode in a ROS domain of its own; return its trace and the latency.

    The latency is the drive node's own figure, of its last 200 frames: from the arrival of an
    image to the command that was computed from that very image being published.

    :param stream: for the progress; stdout by default.
    :raises ChildProcessError: if a node ends; with its last lines.
    :raises TimeoutError: if the nodes do not start, or the simulated time stands still.
    """
    with own_domain() as domain:
        return _run(domain, scenario, checkpoint, backend, stream)


def _run(domain: int, scenario: Scenario, checkpoint: str, backend: str,
         stream: TextIO | None) -> tuple[Trace, Latency]:
    variables = environment(domain)
    os.environ.update(variables)  # before this process joins the domain
    from mobile_vla_ros.nodes.demo_observer import DemoObserver  # late: bad input is refused first
    trace = Trace(scenario)
    with Children(**variables) as children:
        children.start('sim', '--ros-args', *_parameters(
            seed=scenario.seed, side=scenario.side, color=scenario.color,
            width=SIZE[0], height=SIZE[1]))
        children.start('drive', '--ros-args', *_parameters(
            checkpoint=checkpoint, backend=backend, armed=True))
        observer = DemoObserver(trace, domain)
        try:
            _wait(lambda: observer.ready, children, 'the nodes are not up')
            # The episode began with the simulator: begin a new one now that all are ready.
            answer = observer.reset()
            _wait(answer.done, children, 'no answer of sim/reset')
            trace.begin()
            observer.say(scenario.instruction)
            _follow(observer, children, Progress(stream))
        finally:
            observer.close()
        return trace, observer.latency_ms


def _parameters(**values: object) -> Iterator[str]:
    for name, value in values.items():
        yield '-p'
        yield f'{name}:={json.dumps(value, ensure_ascii=False)}'  # quotes keep text as it is


def _wait(condition: Callable[[], bool], children: Children, what: str) -> None:
    end = time.monotonic() + START_S
    while not condition():
        children.check()
        if time.monotonic() > end:
            raise TimeoutError(f'{what} after {START_S:g} s; sim: {children.last_words("sim")}; '
                               f'drive: {children.last_words("drive")}')
        time.sleep(0.02)


def _follow(observer: 'DemoObserver', children: Children, progress: 'Progress') -> None:
    """Wait for the end of the episode and show its progress; repeat the instruction if lost."""
    trace = observer.trace
    newest_ns, moved_at, said_at = 0, time.monotonic(), time.monotonic()
    try:
        while not trace.outcome.get('done'):
            children.check()
            now = time.monotonic()
            if trace.now_ns != newest_ns:
                newest_ns, moved_at = trace.now_ns, now
            elif now - moved_at > QUIET_S:
                raise TimeoutError(f'the simulator has been silent for {QUIET_S:g} s; it said: '
                                   f'{children.last_words("sim")}')
            if 'no instruction' in observer.state and now - said_at > 1.0:
                said_at = now
                observer.say(trace.scenario.instruction)
            progress.show(trace, observer.side, observer.state)
            time.sleep(0.05)
        progress.show(trace, observer.side, observer.state, last=True)
    finally:
        progress.close()


class Progress:
    """Shows one line that is overwritten; outside a terminal, a new line every two seconds."""

    def __init__(self, stream: TextIO | None = None):
        """Write to a stream, stdout by default."""
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty()
        self._due = 0.0

    def show(self, trace: Trace, side: str | None, state: str, last: bool = False) -> None:
        """Show how the episode stands, if it is time for that."""
        now = time.monotonic()
        if now < self._due and not last:
            return
        self._due = now + (0.1 if self._live else 2.0)
        speed = trace.poses[-1][1][3]
        line = (f'{trace.seconds:5.1f} s  target {trace.distance:4.2f} m  '
                f'speed {speed:4.2f} m/s  side {side or "-":<5}  {state.split(";")[0]}')
        self._stream.write(f'\r\x1b[2K{line[:_columns()]}' if self._live else line + '\n')
        self._stream.flush()

    def close(self) -> None:
        """End the line."""
        if self._live:
            self._stream.write('\n')
            self._stream.flush()


def _columns() -> int:
    try:
        return max(os.get_terminal_size().columns - 1, 20)
    except OSError:
        return 100
