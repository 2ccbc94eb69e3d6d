"""
What stands between a policy and the wheels: limits, watchdog, arming.

Pure code. It has no clock: times are passed in as nanoseconds of a steady clock. Anything that
it cannot vouch for becomes STOP, an exact zero on every axis.
"""

from dataclasses import dataclass
from enum import Enum
import math
from typing import NamedTuple, Optional

import numpy as np

from mobile_vla_ros.contract import AXES, Command, NS, Plan, STOP, UNITS
from mobile_vla_ros.control.stopping import Age, Stopping

ABSURD = 100.0  # m/s, rad/s: no ground robot moves so; a policy that says so is broken
MAX_STEP_S = 0.1  # a late tick must not turn into a large jump of speed
CREEP = 0.02  # m/s; what may only be done slower than this is not done
CLOCKS_NS = NS  # a stamp further back than this is taken for a camera's clock that is off


class Reason(Enum):
    """Why the base is driven or stopped, and what an operator does about it."""

    DRIVING = ('driving', '')
    INACTIVE = ('not active', 'configure and activate the node')
    STOPPED = ('stop is latched', 'call ~/reset, then ~/arm')
    FAULT = ('the policy failed too often', 'read the error, then call ~/reset and ~/arm')
    DISARMED = ('disarmed', 'call ~/arm with data: true')
    NO_INSTRUCTION = ('no instruction', 'publish a sentence on instruction')
    EXPIRED = ('the instruction is older than instruction_ttl', 'publish it again')
    CONTENDED = ('another node publishes on cmd_vel', 'stop it, or put a twist_mux between')
    FROZEN = ('the camera repeats one image', 'restart the camera')
    NO_SCAN = ('no laser scan for obstacle.timeout', 'check the scanner and its topic')
    NO_FRAMES = ('no camera frame for image_timeout', 'check the camera and its topic')
    BACKWARDS = ('image stamps go backwards', 'check the camera clock, then call ~/reset')
    UNREADABLE = ('camera frames cannot be read', 'see what is said of the camera')
    FAILING = ('the policy fails', 'it is retried; read the error')
    SLOW = ('inference takes longer than image_timeout', 'use a faster backend or checkpoint')
    STARTING = ('waiting for the first frames to be understood', 'it goes on by itself')
    RECOVERING = ('waiting for fresh frames in a row', 'it goes on by itself')
    REPLANNING = ('planning for the new instruction', 'it goes on by itself')

    LATE = ('frames are too old to stop within stopping.distance',
            'use a faster camera or network, or allow a longer stopping.distance')
    OBSTACLE = ('something is in the way', 'clear it, or give another instruction')
    UNSEEN = ('the laser scan does not show the way ahead', 'add a scanner that looks '
              'there, or set limits.velocity of that axis to 0')

    def __init__(self, text: str, way_out: str):
        """Give the member the words that an operator reads."""
        self.text = text
        self.way_out = way_out


class Decision(NamedTuple):
    """What to publish now, and why."""

    command: Command
    reason: Reason


def acceptable(values) -> bool:
    """Tell whether every value is finite and one that a ground robot could mean."""
    return bool(np.all(np.abs(values) <= ABSURD))  # NaN compares false


@dataclass(frozen=True)
class Limits:
    """Per axis (AXES order): speed, and how fast it may grow and shrink. Speed 0: axis off."""

    velocity: tuple = (0.5, 0.5, 1.0)  # m/s, m/s, rad/s
    acceleration: tuple = (1.0, 1.0, 2.0)  # m/s^2, m/s^2, rad/s^2
    deceleration: tuple = (2.0, 2.0, 4.0)  # not below acceleration: braking may be harder

    def __post_init__(self):
        for name in ('velocity', 'acceleration', 'deceleration'):
            values = tuple(float(value) for value in getattr(self, name))
            if len(values) != len(AXES):
                raise ValueError(f'limits.{name} needs {len(AXES)} values {AXES}, got {values}')
            if not all(0.0 <= value <= ABSURD for value in values):
                raise ValueError(f'limits.{name} must be within 0..{ABSURD:g}, got {values}')
            object.__setattr__(self, name, values)
        for axis, unit, speed, up, down in zip(
                AXES, UNITS, self.velocity, self.acceleration, self.deceleration):
            if speed and not up:
                raise ValueError(f'limits.acceleration of {axis} must be > 0 {unit}^2, got 0')
            if down < up:
                raise ValueError(f'limits.deceleration of {axis} must be >= its acceleration '
                                 f'{up:g} {unit}^2, got {down:g}')


class Limiter:
    """Clamps speed per axis and limits its change; braking may change it faster."""

    def __init__(self, limits: Limits):
        """Start at rest."""
        self.limits = limits
        self.last = STOP

    def stop(self) -> Command:
        """Return zero at once: stopping is never slowed down by a limit."""
        self.last = STOP
        return STOP

    def clip(self, wanted: Command) -> Command:
        """Return `wanted` within the speed of each axis."""
        return Command(*(min(max(value, -top), top)
                         for value, top in zip(wanted, self.limits.velocity)))

    def limit(self, wanted: Command, step_s: float) -> Command:
        """Return what may be sent `step_s` seconds after the last; STOP if `wanted` is absurd."""
        if not acceptable(wanted):
            return self.stop()
        step_s = min(max(step_s, 0.0), MAX_STEP_S)
        self.last = Command(*(
            _approach(last, value, up * step_s, down * step_s)
            for last, value, up, down in zip(
                self.clip(self.last),  # the limits may have been lowered since
                self.clip(wanted), self.limits.acceleration, self.limits.deceleration)))
        return self.last


def _approach(last: float, wanted: float, up: float, down: float) -> float:
    """Move from `last` towards `wanted` by at most `up` away from zero, `down` towards it."""
    if last * wanted < 0.0:  # through zero: brake first; accelerating waits for the next tick
        wanted = 0.0
    step = up if abs(wanted) > abs(last) else down
    return min(max(wanted, last - step), last + step)


class Watchdog:
    """Alive while fed; after a gap longer than the timeout it wants `needed` feeds in a row."""

    def __init__(self, timeout_ns: int, needed: int = 3):
        """Start unfed, so not alive."""
        self.timeout_ns = timeout_ns
        self.needed = needed
        self.fed_ns: Optional[int] = None
        self.streak = 0

    def feed(self, now_ns: int):
        """Take note of something fresh that came at `now_ns`; the same thing again is not."""
        if now_ns == self.fed_ns:
            return
        self.streak = 1 if self.expired(now_ns) else self.streak + 1
        self.fed_ns = now_ns

    def trip(self):
        """Distrust what came so far."""
        self.streak = 0

    def expired(self, now_ns: int) -> bool:
        """Tell whether nothing came, or the last of it is too old."""
        return self.fed_ns is None or now_ns - self.fed_ns > self.timeout_ns

    def alive(self, now_ns: int) -> bool:
        """Tell whether what came is fresh and steady enough to drive by."""
        if self.expired(now_ns):
            self.trip()
        return self.streak >= self.needed


class Arming:
    """
    Whether a person allows motion.

    `stop` latches: it disarms, and nothing arms until `reset`. A reset only clears the latch;
    it leaves the base disarmed, so that moving again always takes a second, deliberate act.
    """

    def __init__(self):
        """Start disarmed."""
        self.armed = False
        self.latched = False

    def arm(self) -> bool:
        """Allow motion; refused (False) while a stop is latched."""
        self.armed = not self.latched
        return self.armed

    def disarm(self):
        """Allow motion no more."""
        self.armed = False

    def stop(self):
        """Latch a stop."""
        self.armed = False
        self.latched = True

    def reset(self):
        """Clear the latch; stay disarmed."""
        self.armed = False
        self.latched = False


class Guard:
    """Decides at every tick what may be published, from frames, plans, people and time."""

    def __init__(self, limits: Limits, image_timeout_ns: int, instruction_ttl_ns: int = 0,
                 max_failures: int = 10, arming: Optional[Arming] = None,
                 stopping: Stopping = Stopping(), veto=None):  # noqa: B008 (it is frozen)
        """
        Start stopped: no instruction, no frame, no plan.

        :param arming: may outlive the guard.
        :param veto: an obstacle.Veto, or None to drive by the camera alone.
        """
        self.arming = arming or Arming()
        self.limiter = Limiter(limits)
        self.watchdog = Watchdog(image_timeout_ns)  # fed with the receive times of planned frames
        self.instruction_ttl_ns = instruction_ttl_ns  # 0: an instruction holds for ever
        self.max_failures = max_failures
        self.stopping = stopping
        self.veto = veto
        self.age = Age()  # of frames, from the camera to the command
        self.cap = math.inf  # m/s, by that age
        self.slowed = ''  # why the last command was slower than wanted
        self.instruction = ''
        self.blocks: set = set()  # reasons that others found: Reason.CONTENDED, Reason.FROZEN
        self.failures = 0  # of the policy, in a row
        self.error = ''  # the last one
        self._instructed_ns = 0
        self._frame_ns: Optional[int] = None  # receive time of the newest accepted frame
        self._stamp_ns: Optional[int] = None  # its stamp
        self._stamped = False  # whether that is the camera's own
        self._delay_ns = 0  # from its stamp to its receipt
        self._backwards_ns: Optional[int] = None  # receive time of the last one refused
        self._unreadable = False  # the newest frame
        self._plan: Optional[Plan] = None
        self._plan_zero_ns = 0  # stamp - receive time of the frame planned for
        self._tick_ns: Optional[int] = None

    @property
    def faulted(self) -> bool:
        """Tell whether the policy failed too often; that holds until `reset`."""
        return self.failures >= self.max_failures

    def adopt(self, other: 'Guard'):
        """Take limits, time limits and what is kept free from another one; the state stays."""
        self.limiter.limits = other.limiter.limits
        self.watchdog.timeout_ns = other.watchdog.timeout_ns
        self.instruction_ttl_ns = other.instruction_ttl_ns
        self.stopping = other.stopping
        if self.veto and other.veto:
            self.veto.adopt(other.veto)

    def instruct(self, text: str, now_ns: int) -> bool:
        """Take an instruction ('' stops); True if it is another one, which flushes the plan."""
        self._instructed_ns = now_ns
        changed = text != self.instruction
        if changed:
            self.instruction = text
            self._plan = None
        return changed

    def frame(self, stamp_ns: int, now_ns: int, delay_ns: int = 0, stamped: bool = True) -> bool:
        """
        Take note of a frame; False if its stamp is not newer than the last one's.

        :param delay_ns: from its stamp to its receipt, as the clocks say.
        :param stamped: False where the camera gave no stamp, and that of its receipt is taken.
            The first stamp of its own begins a new order; none after that goes backwards.
        """
        last_ns = self._stamp_ns if stamped == self._stamped else None
        if last_ns is not None and stamp_ns <= last_ns or self._stamped and not stamped:
            self._backwards_ns = now_ns
            return False
        self._frame_ns, self._stamp_ns, self._stamped = now_ns, stamp_ns, stamped
        self._delay_ns = delay_ns if 0 <= delay_ns <= CLOCKS_NS else 0
        return True

    def plan(self, plan: Plan, instruction: str, stamp_ns: int, received_ns: int) -> bool:
        """Take a plan made for a frame and an instruction; False if it may not be driven."""
        if not acceptable(plan.commands):
            bad = next(row for row in plan.commands if not acceptable(row))
            self.failed(f'the policy gave {bad.tolist()}, wanted finite values within '
                        f'+-{ABSURD:g}')
            return False
        if self.faulted or instruction != self.instruction:  # or it changed meanwhile
            return False
        self.failures = 0
        self._unreadable = False
        self._plan = plan
        self._plan_zero_ns = stamp_ns - received_ns
        self.watchdog.feed(received_ns)
        return True

    def unreadable(self):
        """Take note that a frame turned out not to be an image."""
        self._unreadable = True

    def failed(self, error: str):
        """Take note that the policy failed: its last plan is dropped too."""
        self.failures += 1
        self.error = error
        self.flush()

    def flush(self):
        """Drop the plan, and drive again only after fresh ones in a row."""
        self._plan = None
        self.watchdog.trip()

    def reset(self):
        """Clear a latched stop, a fault and the newest stamp; stay disarmed."""
        self.arming.reset()
        self.failures = 0
        self._stamp_ns = self._backwards_ns = None
        self._stamped = False

    def deadline_ns(self) -> Optional[int]:
        """Return when what is driven by now becomes too old; None while stopped."""
        if self.limiter.last == STOP:
            return None
        dogs = [self.watchdog] + ([self.veto.watchdog] if self.veto else [])
        return min(dog.fed_ns + dog.timeout_ns + 1 for dog in dogs)

    def tick(self, now_ns: int) -> Decision:
        """Return the command to publish at `now_ns` and the reason for it."""
        step_ns = 0 if self._tick_ns is None else now_ns - self._tick_ns
        self._tick_ns = now_ns
        self.slowed = ''
        reason = self.reason(now_ns)
        if reason is not Reason.DRIVING:
            return Decision(self.limiter.stop(), reason)
        wanted = self._plan.at(now_ns + self._plan_zero_ns)
        return self._drive(wanted, step_ns / NS, now_ns)

    def _drive(self, wanted: Command, step_s: float, now_ns: int) -> Decision:
        """Follow a plan, but only as fast as the base can stop within what was seen."""
        age_ns = now_ns - self.watchdog.fed_ns + self._delay_ns
        self.cap = self.stopping.cap(self.age.note(age_ns / NS, step_s))
        decision = self._slow(self.limiter.clip(wanted), now_ns)
        if decision.reason is Reason.DRIVING:  # a base on another way yet is slowed on that one
            decision = self._slow(self.limiter.limit(decision.command, step_s), now_ns)
        self.limiter.last = decision.command
        return decision

    def _slow(self, command: Command, now_ns: int) -> Decision:
        """Return a command slowed along its path, or STOP and why."""
        way = self.veto.speed(command, now_ns) if self.veto else math.inf
        top = min(self.cap, way)
        if command.speed <= top:
            return Decision(command, Reason.DRIVING)
        if self.cap <= way:
            reason, why = Reason.LATE, f'frames are {1e3 * self.age.seconds:.0f} ms old when used'
        elif self.veto.unseen:
            reason, why = Reason.UNSEEN, ''
        else:
            reason, why = Reason.OBSTACLE, f'something is {self.veto.way_m:.2f} m ahead'
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
        if 0 < self.instruction_ttl_ns < now_ns - self._instructed_ns:
            return Reason.EXPIRED
        for block in (Reason.CONTENDED, Reason.FROZEN):
            if block in self.blocks:
                return block
        if self.veto and not self.veto.alive(now_ns):
            return Reason.NO_SCAN
        if not self.watchdog.alive(now_ns):
            return self._why_dead(now_ns)
        return Reason.REPLANNING if self._plan is None else Reason.DRIVING

    def _why_dead(self, now_ns: int) -> Reason:
        timeout_ns = self.watchdog.timeout_ns
        if self._frame_ns is None or now_ns - self._frame_ns > timeout_ns:
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
