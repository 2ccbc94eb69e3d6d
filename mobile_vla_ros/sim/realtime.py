"""The simulated world in real time, all in one thread, as MuJoCo's contexts need. No ROS."""

from collections.abc import Callable, Sequence
import threading
import time
from typing import Any, NamedTuple, TYPE_CHECKING

from mobile_vla_ros.contract import Command, NS, STOP
from mobile_vla_ros.sim.scenario import Scenario

if TYPE_CHECKING:  # it imports MuJoCo, late
    from mobile_vla_ros.sim.simulator import Simulator

TICK_S = 0.02  # simulated, between odometry messages
BEHIND_S = 0.25  # if it is further behind the clock, simulated time runs slower


class State(NamedTuple):
    """The state of the base, as its odometry says it."""

    stamp_ns: int
    pose: tuple[float, float, float]  # x m, y m, yaw rad
    velocity: tuple[float, float, float]  # m/s, m/s, rad/s in base_link


class Sensor(NamedTuple):
    """A sensor that is read at a rate, while somebody wants its readings."""

    rate: float  # per simulated second
    wanted: Callable[[], bool | int]
    read: 'Callable[[Simulator], Any]'
    publish: Callable[[Any, State], object]


class World:
    """
    Steps a simulator by the steady clock and calls back with states, frames and outcomes.

    Simulated time starts at the wall clock's, so that stamps make sense with and without
    use_sim_time. It goes on over resets, so that no stamp is older than the one before.
    """

    def __init__(self, make_simulator: 'Callable[[], Simulator]', scenario: Scenario,
                 sensors: Sequence[Sensor], real_time_factor: float, command_timeout_s: float,
                 on_scene: 'Callable[[Simulator, int], object]',
                 on_state: Callable[[State], object],
                 on_outcome: Callable[[int, Scenario, dict[str, Any]], object],
                 on_death: Callable[[Exception], object]):
        """Take sensors and plain functions; all are called in the world's thread."""
        self._make_simulator = make_simulator
        self._scenario = scenario
        self._sensors = sensors
        self._factor = real_time_factor
        self._timeout_ns = int(command_timeout_s * NS)
        self._on_scene, self._on_state, self._on_outcome = on_scene, on_state, on_outcome
        self._on_death = on_death
        self._lock = threading.Lock()
        self._command, self._commanded_ns = STOP, 0
        self._wanted: Scenario | None = scenario  # the thread lays it out next
        self._laid_out = threading.Event()
        self._stopped = False
        self._released = threading.Event()
        self._final: dict[str, Any] | None = None
        self._episode = -1  # of scenes laid out, from 0
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name='world', daemon=True)

    def begin(self) -> None:
        """Start the thread: it makes the simulator, then waits for `go`."""
        self._thread.start()

    def go(self, seconds: float) -> bool:
        """Lay out the first scene and run; return whether it was laid out in time."""
        self._released.set()
        return self._laid_out.wait(seconds) and self.error is None

    def stop(self, seconds: float) -> None:
        """End the thread, and wait for that at most `seconds`."""
        self._stopped = True
        self._released.set()
        self._thread.join(seconds)

    def command(self, command: Command) -> None:
        """Take a velocity; it holds until the next one, but not longer than the timeout."""
        with self._lock:
            self._command, self._commanded_ns = command, time.monotonic_ns()

    def reset(self, scenario: Scenario, seconds: float) -> bool:
        """Lay out a scene; return whether that was done in time."""
        with self._lock:
            self._laid_out.clear()
            self._wanted = scenario
        return self._laid_out.wait(seconds)

    def _run(self) -> None:
        try:
            simulator = self._make_simulator()
            self._released.wait()
            try:
                self._loop(simulator)
            finally:
                simulator.close()
        except Exception as error:  # no display, no memory: whoever started us says it
            self.error = error
            if self._laid_out.is_set() and not self._stopped:
                self._on_death(error)
            self._laid_out.set()

    def _loop(self, simulator: 'Simulator') -> None:
        origin_ns = time.time_ns()
        simulated = 0.0  # s since then
        due = [0.0 for _ in self._sensors]
        next_outcome = 0.0
        base = time.monotonic()
        while not self._stopped:
            if self._lay_out(simulator, origin_ns + round(simulated * NS)):
                next_outcome = simulated
            simulator_command = self._current(simulator)
            simulator.step(simulator_command, TICK_S)
            simulated += TICK_S
            state = State(origin_ns + round(simulated * NS), simulator.pose, simulator.velocity)
            self._on_state(state)
            for i, sensor in enumerate(self._sensors):
                if simulated >= due[i]:
                    due[i] = max(due[i] + 1.0 / sensor.rate, simulated - TICK_S)
                    if sensor.wanted():
                        sensor.publish(sensor.read(simulator), state)
            self._judge(simulator, simulated >= next_outcome)
            if simulated >= next_outcome:
                next_outcome = simulated + 0.5
            ahead = simulated / self._factor - (time.monotonic() - base)
            if ahead > 0.0:
                time.sleep(ahead)
            elif ahead < -BEHIND_S:
                base -= ahead

    def _lay_out(self, simulator: 'Simulator', stamp_ns: int) -> bool:
        """Lay out the scene that is wanted next; return whether there is one."""
        with self._lock:
            if self._wanted is None:
                return False
            self._scenario, self._wanted = self._wanted, None
            self._command = STOP
            self._final = None
            self._episode += 1
        simulator.reset(self._scenario)
        self._on_scene(simulator, stamp_ns)
        self._laid_out.set()
        return True

    def _current(self, simulator: 'Simulator') -> Command:
        with self._lock:
            if self._command != STOP \
                    and time.monotonic_ns() - self._commanded_ns > self._timeout_ns:
                self._command = STOP
                simulator.stop_at_once()
            return self._command

    def _judge(self, simulator: 'Simulator', due: bool) -> None:
        """Report how the episode stands, now and then; report its end at once."""
        if self._final is not None and not due:
            return
        outcome = self._final or simulator.outcome().as_dict()
        if outcome['done'] and self._final is None:
            self._final, due = outcome, True
        if due:
            self._on_outcome(self._episode, self._scenario, outcome)
