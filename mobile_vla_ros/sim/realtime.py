"""The simulated world in real time, in one thread: MuJoCo's contexts belong to theirs. No ROS."""

import threading
import time
from typing import NamedTuple

from mobile_vla_ros.contract import Command, NS, STOP

TICK_S = 0.02  # simulated, between odometry messages
BEHIND_S = 0.25  # further behind the clock than this, simulated time is let go slower


class State(NamedTuple):
    """What the base would tell of itself."""

    stamp_ns: int
    pose: tuple  # x m, y m, yaw rad
    velocity: tuple  # m/s, m/s, rad/s in base_link


class Sensor(NamedTuple):
    """What is looked at now and then, while somebody wants to know."""

    rate: float  # per simulated second
    wanted: object  # () -> bool
    read: object  # (simulator) -> what it shows
    tell: object  # (what it shows, State)


class World:
    """
    Steps a simulator by the steady clock and calls back with states, frames and outcomes.

    Simulated time starts at the wall clock's, so that stamps make sense with and without
    use_sim_time, and goes on over resets, so that none is ever older than the one before.
    """

    def __init__(self, make_simulator, scenario, sensors, real_time_factor: float,
                 command_timeout_s: float, on_scene, on_state, on_outcome, on_death):
        """Take Sensors and plain functions; all are called in the world's thread."""
        self._make_simulator = make_simulator
        self._scenario = scenario
        self._sensors = sensors
        self._factor = real_time_factor
        self._timeout_ns = int(command_timeout_s * NS)
        self._on_scene, self._on_state, self._on_outcome = on_scene, on_state, on_outcome
        self._on_death = on_death
        self._lock = threading.Lock()
        self._command, self._commanded_ns = STOP, 0
        self._wanted = scenario  # to be laid out by the thread
        self._laid_out = threading.Event()
        self._stopped = False
        self._may = threading.Event()
        self._final = None
        self._episode = -1  # of scenes laid out, from 0
        self.error = None
        self._thread = threading.Thread(target=self._run, name='world', daemon=True)

    def begin(self):
        """Start the thread: it makes the simulator, and calls nobody before `go`."""
        self._thread.start()

    def go(self, seconds: float) -> bool:
        """Lay out the first scene and go on from there; True when it stands."""
        self._may.set()
        return self._laid_out.wait(seconds) and self.error is None

    def stop(self, seconds: float):
        """End the thread."""
        self._stopped = True
        self._may.set()
        self._thread.join(seconds)

    def command(self, command: Command):
        """Take a velocity; it holds until the next, but not longer than the timeout."""
        with self._lock:
            self._command, self._commanded_ns = command, time.monotonic_ns()

    def reset(self, scenario, seconds: float) -> bool:
        """Lay out a scene; True when it stands."""
        with self._lock:
            self._laid_out.clear()
            self._wanted = scenario
        return self._laid_out.wait(seconds)

    def _run(self):
        try:
            simulator = self._make_simulator()
            self._may.wait()
            try:
                self._loop(simulator)
            finally:
                simulator.close()
        except Exception as error:  # no display, no memory: told by whoever started us
            self.error = error
            if self._laid_out.is_set() and not self._stopped:
                self._on_death(error)
            self._laid_out.set()

    def _loop(self, simulator):
        origin_ns = time.time_ns()
        simulated = 0.0  # s since then
        due = [0.0 for _ in self._sensors]
        next_outcome = 0.0
        base = time.monotonic()
        while not self._stopped:
            if self._wanted is not None:
                self._lay_out(simulator, origin_ns + round(simulated * NS))
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
                        sensor.tell(sensor.read(simulator), state)
            self._judge(simulator, simulated >= next_outcome)
            if simulated >= next_outcome:
                next_outcome = simulated + 0.5
            ahead = simulated / self._factor - (time.monotonic() - base)
            if ahead > 0.0:
                time.sleep(ahead)
            elif ahead < -BEHIND_S:
                base -= ahead

    def _lay_out(self, simulator, stamp_ns: int):
        with self._lock:
            self._scenario, self._wanted = self._wanted, None
            self._command = STOP
            self._final = None
            self._episode += 1
        simulator.reset(self._scenario)
        self._on_scene(simulator, stamp_ns)
        self._laid_out.set()

    def _current(self, simulator) -> Command:
        with self._lock:
            if self._command != STOP \
                    and time.monotonic_ns() - self._commanded_ns > self._timeout_ns:
                self._command = STOP
                simulator.stop_at_once()
            return self._command

    def _judge(self, simulator, due: bool):
        """Tell how the episode stands, now and then; how it ended, once and at once."""
        if self._final is not None and not due:
            return
        outcome = self._final or simulator.outcome().as_dict()
        if outcome['done'] and self._final is None:
            self._final, due = outcome, True
        if due:
            self._on_outcome(self._episode, self._scenario, outcome)
