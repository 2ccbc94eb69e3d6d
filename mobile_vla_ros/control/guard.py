"""
What stands between a policy and the wheels: it decides at every tick what may be published.

Pure code. It has no clock: times are passed in as nanoseconds of a steady clock. Anything that
it cannot vouch for becomes STOP, an exact zero on every axis.
"""

from dataclasses import dataclass, replace
import math
from typing import NamedTuple

from mobile_vla_ros.contract import Command, NS, Plan, STOP
from mobile_vla_ros.control.arming import Arming
from mobile_vla_ros.control.limits import ABSURD, acceptable, Limiter, Limits
from mobile_vla_ros.control.obstacle import ObstacleConfig, ObstacleMonitor
from mobile_vla_ros.control.reasons import Decision, Reason
from mobile_vla_ros.control.stopping import Age, Stopping
from mobile_vla_ros.control.watchdog import Watchdog

CREEP = 0.02  # m/s; what may only be done slower than this is not done
CLOCKS_NS = NS  # a stamp further back than this is taken for a camera's clock that is off


@dataclass(frozen=True)
class GuardConfig:
    """The settings of a guard."""

    limits: Limits = Limits()
    image_timeout_ns: int = NS // 4  # since a planned frame came, after which the base stops
    instruction_ttl_ns: int = 0  # for which an instruction holds; 0: for ever
    max_failures: int = 10  # of the policy in a row, which become a fault
    stopping: Stopping = Stopping()
    obstacles: ObstacleConfig | None = None  # None: no scanner, the camera alone


class NewestFrame(NamedTuple):
    """What the guard knows of the newest frame that it accepted."""

    received_ns: int | None = None  # None: there was none
    stamp_ns: int | None = None  # None: any stamp is newer
    stamped: bool = False  # whether the stamp is the camera's own
    delay_ns: int = 0  # from its stamp to its receipt


class DrivenPlan(NamedTuple):
    """The plan that is driven by."""

    plan: Plan | None = None  # None: none may be driven
    zero_ns: int = 0  # stamp - receive time of the frame planned for


class Guard:
    """Decides at every tick what may be published, from frames, plans, people and time."""

    def __init__(self, config: GuardConfig = GuardConfig(),  # noqa: B008 (it is frozen)
                 arming: Arming | None = None) -> None:
        """
        Start stopped: no instruction, no frame, no plan.

        :param arming: may outlive the guard; None: a new one, disarmed.
        """
        self.config = config
        self.arming = arming or Arming()
        self.limiter = Limiter(config.limits)
        # Fed with the receive times of the frames that were planned for.
        self.watchdog = Watchdog(config.image_timeout_ns)
        self.obstacles = ObstacleMonitor(config.obstacles, config.stopping) \
            if config.obstacles else None
        self.age = Age()  # of frames, from the camera to the command
        self.cap = math.inf  # m/s, by that age
        self.slowed = ''  # why the last command was slower than wanted
        self.instruction = ''
        self.blocks: set[Reason] = set()  # found by others: Reason.CONTENDED, Reason.FROZEN
        self.failures = 0  # of the policy, in a row
        self.error = ''  # the last one
        self._instructed_ns = 0
        self._newest = NewestFrame()
        self._backwards_ns: int | None = None  # receive time of the last one refused
        self._unreadable = False  # the newest frame
        self._driven = DrivenPlan()
        self._tick_ns: int | None = None

    def configure(self, config: GuardConfig) -> None:
        """
        Take other settings; keep what was seen and decided.

        Only a new guard takes another `max_failures`, or begins or ends to watch a scanner.
        """
        self.config = replace(config, max_failures=self.config.max_failures)
        self.limiter.limits = config.limits
        self.watchdog.timeout_ns = config.image_timeout_ns
        if self.obstacles and config.obstacles:
            self.obstacles.configure(config.obstacles, config.stopping)

    @property
    def faulted(self) -> bool:
        """Tell whether the policy failed too often; that holds until `reset`."""
        return self.failures >= self.config.max_failures

    @property
    def wants_plan(self) -> bool:
        """Tell whether a plan for a frame would be of use."""
        return bool(self.instruction) and not self.faulted

    def accept_instruction(self, text: str, now_ns: int) -> bool:
        """Take an instruction ('' stops); True if it is another one, which drops the plan."""
        self._instructed_ns = now_ns
        changed = text != self.instruction
        if changed:
            self.instruction = text
            self._driven = DrivenPlan()
        return changed

    def accept_frame(self, stamp_ns: int, now_ns: int, delay_ns: int = 0,
                     stamped: bool = True) -> bool:
        """
        Take note of a frame; refuse it (False) if its stamp is not newer than the last one.

        :param delay_ns: from its stamp to its receipt, as the clocks say.
        :param stamped: False where the camera gave no stamp, so that the time of receipt is the
            stamp. The first stamp of the camera's own begins a new order. From then on, a frame
            without one is refused.
        """
        last = self._newest
        last_ns = last.stamp_ns if stamped == last.stamped else None
        if last_ns is not None and stamp_ns <= last_ns or last.stamped and not stamped:
            self._backwards_ns = now_ns
            return False
        self._newest = NewestFrame(now_ns, stamp_ns, stamped,
                                   delay_ns if 0 <= delay_ns <= CLOCKS_NS else 0)
        return True

    def accept_plan(self, plan: Plan, instruction: str, stamp_ns: int, received_ns: int) -> bool:
        """Take a plan made for a frame and an instruction; False if it may not be driven."""
        if not acceptable(plan.commands):
            bad = next(row for row in plan.commands if not acceptable(row))
            self.note_failure(f'the policy gave {bad.tolist()}, wanted finite values within '
                              f'+-{ABSURD:g}')
            return False
        if self.faulted or instruction != self.instruction:  # or it changed meanwhile
            return False
        self.failures = 0
        self._unreadable = False
        self._driven = DrivenPlan(plan, stamp_ns - received_ns)
        self.watchdog.feed(received_ns)
        return True

    def note_unreadable(self) -> None:
        """Take note that a frame turned out not to be an image."""
        self._unreadable = True

    def note_failure(self, error: str) -> None:
        """Take note that the policy failed: its last plan is dropped too."""
        self.failures += 1
        self.error = error
        self.drop_plan()

    def drop_plan(self) -> None:
        """Drop the plan, and drive again only after fresh ones in a row."""
        self._driven = DrivenPlan()
        self.watchdog.trip()

    def reset(self) -> None:
        """Clear a latched stop, a fault and the newest stamp; stay disarmed."""
        self.arming.reset()
        self.failures = 0
        self._newest = self._newest._replace(stamp_ns=None, stamped=False)
        self._backwards_ns = None

    def deadline_ns(self) -> int | None:
        """Return when what is driven by now becomes too old; None while stopped."""
        if self.limiter.last == STOP:
            return None
        watchdogs = [self.watchdog] + ([self.obstacles.watchdog] if self.obstacles else [])
        return min(watchdog.deadline_ns for watchdog in watchdogs)

    def tick(self, now_ns: int) -> Decision:
        """Return the command to publish at `now_ns` and the reason for it."""
        step_ns = 0 if self._tick_ns is None else now_ns - self._tick_ns
        self._tick_ns = now_ns
        self.slowed = ''
        reason, (plan, zero_ns) = self.reason(now_ns), self._driven
        if reason is not Reason.DRIVING or plan is None:
            return Decision(self.limiter.stop(), reason)
        wanted = plan.at(now_ns + zero_ns)
        return self._drive(wanted, step_ns / NS, now_ns)

    def _drive(self, wanted: Command, step_s: float, now_ns: int) -> Decision:
        """Follow a plan, but only as fast as the base can stop within what was seen."""
        age_ns = self.watchdog.age_ns(now_ns) + self._newest.delay_ns
        self.cap = self.config.stopping.cap(self.age.note(age_ns / NS, step_s))
        decision = self._slow(self.limiter.clip(wanted), now_ns)
        if decision.reason is Reason.DRIVING:  # the base may still move another way
            decision = self._slow(self.limiter.limit(decision.command, step_s), now_ns)
        self.limiter.last = decision.command
        return decision

    def _slow(self, command: Command, now_ns: int) -> Decision:
        """Return a command slowed along its path, or STOP and why."""
        way = self.obstacles.safe_speed(command, now_ns) if self.obstacles else math.inf
        top = min(self.cap, way)
        if command.speed <= top:
            return Decision(command, Reason.DRIVING)
        reason, why = Reason.LATE, f'frames are {1e3 * self.age.seconds:.0f} ms old when used'
        if self.obstacles and way < self.cap:
            reason, why = self.obstacles.verdict()
        if top < CREEP:
            return Decision(STOP, reason)
        self.slowed = f'slowed to {top:.2f} m/s, {why}'
        return Decision(Command(*(top / command.speed * value for value in command)),
                        Reason.DRIVING)

    def reason(self, now_ns: int) -> Reason:
        """Return why the base would be stopped at `now_ns`, or DRIVING."""
        if self.arming.latched:
            return Reason.STOPPED
        if self.faulted:
            return Reason.FAULT
        if not self.arming.armed:
            return Reason.DISARMED
        if not self.instruction:
            return Reason.NO_INSTRUCTION
        if 0 < self.config.instruction_ttl_ns < now_ns - self._instructed_ns:
            return Reason.EXPIRED
        for block in (Reason.CONTENDED, Reason.FROZEN):
            if block in self.blocks:
                return block
        if self.obstacles and not self.obstacles.alive(now_ns):
            return Reason.NO_SCAN
        if not self.watchdog.alive(now_ns):
            return self._why_dead(now_ns)
        return Reason.REPLANNING if self._driven.plan is None else Reason.DRIVING

    def _why_dead(self, now_ns: int) -> Reason:
        timeout_ns, frame_ns = self.watchdog.timeout_ns, self._newest.received_ns
        if frame_ns is None or now_ns - frame_ns > timeout_ns:
            backwards = self._backwards_ns
            if backwards is not None and now_ns - backwards <= timeout_ns:
                return Reason.BACKWARDS
            return Reason.NO_FRAMES
        if self._unreadable:
            return Reason.UNREADABLE
        if self.failures:
            return Reason.FAILING
        if self.watchdog.fed_ns is None:
            return Reason.STARTING
        return Reason.SLOW if self.watchdog.expired(now_ns) else Reason.RECOVERING
