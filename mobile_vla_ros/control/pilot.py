"""From frames and instructions to commands: one lock, two threads, no ROS."""

import os
import signal
import sys
import threading
import time
from typing import NamedTuple, Optional

from mobile_vla_ros.contract import NS, STOP
from mobile_vla_ros.control.guard import Arming, Guard, Reason
from mobile_vla_ros.control.health import Health
from mobile_vla_ros.control.latest_worker import NewestWorker
from mobile_vla_ros.control.pace import Pace
from mobile_vla_ros.errors import first_line, summary_of

ZEROS_NS = NS  # how long zeros go on after a deactivation
LAST_ZEROS = 4  # before nobody speaks any more


class Frame(NamedTuple):
    """An image message with its stamp and the steady time at which it came."""

    msg: object
    stamp_ns: int
    received_ns: int
    stamped: bool  # by the camera; else the stamp is the time of receipt


class Pilot:
    """
    Everything between what comes in and what goes out, callable from any thread.

    All that is mutable is guarded by `self._wake`. Commands are published under it, so that none
    can overtake a stop.
    """

    def __init__(self, guard: Guard, on_news):
        """Start the output thread, silent; `on_news()` is called there when the reason changes."""
        self._wake = threading.Condition(threading.RLock())
        self._on_news = on_news
        self.arming: Arming = guard.arming  # outlives activations: a stop is not forgotten
        self.guard = guard
        self.health = Health()
        self.active = self._closed = self._untold = False
        self.failed = False  # the output thread
        self.instruction = ''
        self._empty()
        self._output = threading.Thread(target=self._run_output, name='output', daemon=True)
        self._output.start()

    def open(self, policy, decode, publish, on_plan):
        """
        Get ready to be activated.

        :param decode: image message -> RGB uint8 (H, W, 3).
        :param publish: takes a Command.
        :param on_plan: takes (frame, rgb, plan, instruction) after a plan was taken.
        """
        with self._wake:
            self.policy = policy
            self._decode, self._publish, self._on_plan = decode, publish, on_plan
            self._worker = NewestWorker(self._infer, self._erred)

    def activate(self, guard: Guard, rate: float, instruction: str, armed: bool):
        """Begin to publish."""
        now_ns = time.monotonic_ns()
        with self._wake:
            self.guard = guard
            self._frame = self._planned_for = None
            if armed:
                self.arming.arm()
            guard.instruct(self.instruction or instruction, now_ns)
            self._pace = Pace(int(NS / rate), now_ns)
            self.active = True
            self._wake.notify_all()

    def quiet(self):
        """Send zero now, more zeros for a second, then nothing; disarmed and without a task."""
        with self._wake:
            if self.active:
                self.active = False
                self.arming.disarm()
                self.instruction = ''
                now_ns = time.monotonic_ns()
                self._zeros_until_ns = now_ns + ZEROS_NS
                self._emit(now_ns)
                self._wake.notify_all()

    def empty(self):
        """Send the last zeros, drop the policy and what came for it; then topics may be closed."""
        self.quiet()
        with self._wake:
            self._say_last_zeros()
        if self._worker:
            self._worker.stop(1.0)
        with self._wake:
            self._empty()

    def close(self) -> bool:
        """Send the last zeros and be silent for ever; True if there was somebody to hear them."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
            speaking = self._say_last_zeros()
        if self._worker:
            self._worker.stop(0.1)
        return speaking

    def frame(self, msg, stamp_ns: int, received_ns: int, clock_offset_ns: Optional[int]):
        """
        Take a frame.

        :param clock_offset_ns: how far its stamp is ahead of the clock that stamps commands;
            None where the camera does not stamp, and stamp_ns is the time of receipt.
        """
        stamped = clock_offset_ns is not None
        with self._wake:
            if not self.active:
                return
            accepted = self.guard.frame(stamp_ns, received_ns,
                                        -clock_offset_ns if stamped else 0, stamped)
            self.health.frame(received_ns, clock_offset_ns, accepted)
            if accepted:
                self._frame = Frame(msg, stamp_ns, received_ns, stamped)
                self.health.replaced += self._worker.offer(self._frame)

    def scan(self, scan, received_ns: int):
        """Take a scan of the surroundings."""
        with self._wake:
            if self.active and self.guard.veto:
                self.guard.veto.take(scan, received_ns)
                self.health.scan(received_ns)

    def instruct(self, text: str):
        """Take a normalised instruction; an empty one stops at once."""
        with self._wake:
            self.instruction = text
            if self.active and self.guard.instruct(text, time.monotonic_ns()):
                if not text:
                    self._be_urgent()
                elif self._frame:
                    self._worker.again(self._frame)  # don't wait for the next one

    def arm(self, wanted: bool) -> tuple:
        """Arm or disarm; return (done, words)."""
        with self._wake:
            if not wanted:
                self.arming.disarm()
                self._be_urgent()
                return True, 'disarmed'
            refusal = Reason.INACTIVE if not self.active \
                else Reason.FAULT if self.guard.faulted \
                else None if self.arming.arm() else Reason.STOPPED
            self._wake.notify_all()
        return not refusal, f'{refusal.text}: {refusal.way_out}' if refusal else 'armed'

    def stop(self):
        """Latch a stop."""
        with self._wake:
            self.arming.stop()
            self._be_urgent()

    def reset(self):
        """Clear a latched stop and a fault; stay disarmed."""
        with self._wake:
            self.guard.reset()
            self.health.aside = ''
            self._planned_for = None  # older stamps may come now: the policy starts anew too
            self._be_urgent()

    def change(self, settings: Guard, policy):
        """Take the settings of another guard, and another policy, which disarms."""
        with self._wake:
            self.guard.adopt(settings)
            if policy is not self.policy:
                self.policy = policy
                self.arming.disarm()  # another model drives only after another deliberate act
                self.guard.flush()
                self._be_urgent()

    def graph(self, publishers, rivals, exclusive: bool) -> bool:
        """Take note of who else is there; True if that is news."""
        with self._wake:
            news = bool(rivals) != bool(self.health.rivals)
            self.health.graph(publishers, rivals, time.monotonic_ns())
            self._block(Reason.CONTENDED, bool(rivals) and exclusive)
        return news

    def tell(self):
        """Call on_news; what goes wrong in telling is counted and said, and stops nothing."""
        error = ''
        try:
            self._on_news()
        except Exception as raised:
            error = summary_of(raised)
        with self._wake:
            if error and not self._untold and not self._closed:
                sys.stderr.write(f'warning: diagnostics cannot be published ({error}); driving '
                                 'goes on, and the next are tried\n')
            self._untold = bool(error)
            self.health.untold += self._untold

    def statuses(self, name: str, topic: str, image_type: str):
        """Return (reason, what to tell)."""
        with self._wake:
            policy = {} if self.policy is None else {
                'checkpoint sha256': self.policy.sha256, 'backend': self.policy.backend}
            return self.reason, self.health.statuses(
                name, topic, image_type, time.monotonic_ns(), self.active, self.reason,
                self.guard.error if self.guard.failures else '', policy, self.guard)

    def block_frozen(self, wanted: bool):
        """Set whether a camera that repeats one image stops the base."""
        with self._wake:
            self._stop_on_frozen = wanted
            self._block(Reason.FROZEN, wanted and self.health.frozen)

    def _empty(self):
        self.policy = None
        self.reason = Reason.INACTIVE
        self._worker = self._frame = self._paced = None
        self._pace = Pace(NS, 0)
        self._planned_for = None  # (policy, instruction, stamped) since its last reset
        self._zeros_until_ns = 0
        self._urgent = self._news = False
        self._last = STOP  # what was published
        self._stop_on_frozen = False

    def _say_last_zeros(self) -> bool:
        """Be inactive, and let nobody else speak meanwhile; False if it was silent already."""
        speaking = self.active or time.monotonic_ns() < self._zeros_until_ns
        self.active = False
        for _ in range(LAST_ZEROS if speaking else 0):
            self._say(STOP)
            time.sleep(0.02)
        return speaking

    def _say(self, command):
        """Publish a command; a node that cannot is of no use, and ends as by a signal."""
        try:
            self._publish(command)
        except Exception as error:
            self._fail(error)

    def _fail(self, error):
        if not self.failed:
            sys.stderr.write(f'error: no command goes out ({summary_of(error)}): the node ends, '
                             'start it again; the base must stop by its own timeout\n')
            self.failed = True
            with self._wake:
                self.arming.disarm()
            os.kill(os.getpid(), signal.SIGTERM)

    def _block(self, reason: Reason, blocked: bool):
        (self.guard.blocks.add if blocked else self.guard.blocks.discard)(reason)

    # -- inference thread

    def _infer(self, worker, frame: Frame):
        try:
            rgb = self._decode(frame.msg)
        except Exception as error:  # a MessageError, unless a codec has a surprise
            with self._wake:
                self.guard.unreadable()
                self.health.unreadable(frame.msg, error, first_line(error))
            return
        with self._wake:
            guard, policy, instruction = self.guard, self.policy, self.guard.instruction
            self.health.tally.count(frame.msg)
            before = self.health.frozen
            frozen = self.health.picture(rgb, frame.received_ns)
            self._block(Reason.FROZEN, frozen and self._stop_on_frozen)
            self._news |= frozen != before
        if not instruction or guard.faulted or policy is None:
            return
        plan = error = None
        started = time.perf_counter()
        try:
            task = (id(policy), instruction, frame.stamped)
            if self._planned_for != task:
                policy.reset()
                self._planned_for = task
            plan = policy.plan(rgb, instruction, frame.stamp_ns)
        except Exception as raised:  # whatever a model raises, the base must stop
            error = summary_of(raised)
        took_ms = 1e3 * (time.perf_counter() - started)
        with self._wake:
            if worker.stopped or policy is not self.policy or guard is not self.guard:
                return  # it hung, and the world went on without it
            self.health.inference_ms.append(took_ms)
            failures = guard.failures
            good = False
            if error is None:
                try:
                    good = guard.plan(plan, instruction, frame.stamp_ns, frame.received_ns)
                except Exception as raised:  # what it returned is no plan at all
                    error = f'it returned {type(plan).__name__}, not a plan ({summary_of(raised)})'
            if error is not None:
                guard.failed(error)
            self.health.failed_plans += guard.failures > failures
            if good:
                self._planned(frame)
            else:
                self._be_urgent()
        if good:
            self._show(frame, rgb, plan, instruction)

    def _show(self, frame, rgb, plan, instruction):
        """Let others see a plan; who cannot is told of, and the base drives on: it is sound."""
        error = ''
        try:
            self._on_plan(frame, rgb, plan, instruction)
        except Exception as raised:
            error = summary_of(raised)
        with self._wake:
            self._news |= self.health.beside(error)
            self._wake.notify_all()

    def _erred(self, worker, error):
        """Stop for what nobody foresaw: it counts as a failure of the policy."""
        with self._wake:
            if not worker.stopped:
                self.guard.failed(f'after a frame: {summary_of(error)}')
                self.health.failed_plans += 1
                self._planned_for = None
                self._be_urgent()

    def _planned(self, frame: Frame):
        if not self.active or frame is self._paced:  # planned anew: waits for its turn
            return
        self._paced = frame
        now_ns = time.monotonic_ns()
        if self._pace.arrived(now_ns):
            self._emit(now_ns)
            self.health.latency_ms.append((time.monotonic_ns() - frame.received_ns) / 1e6)

    # -- output thread, and whoever has news; under the lock

    def _run_output(self):
        try:
            while True:
                with self._wake:
                    if self._closed:
                        return
                    self._wait_or_emit(time.monotonic_ns())
                    news, self._news = self._news, False
                if news:
                    self.tell()
        except Exception as error:  # no output, no node
            self._fail(error)

    def _wait_or_emit(self, now_ns: int):
        if not self.active and now_ns >= self._zeros_until_ns:
            if not self._news:
                self._wake.wait()
            return
        due_ns = self._pace.wake_ns
        if self.active:
            due_ns = min(due_ns, self.guard.deadline_ns() or due_ns)
        if self._urgent or now_ns >= due_ns:
            self._urgent = False
            self._emit(now_ns)
        elif not self._news:
            self._wake.wait((due_ns - now_ns) / NS)

    def _be_urgent(self):
        """Let a STOP out at once; a command waits for its turn."""
        if self.active and self._last != STOP:
            self._urgent = self.guard.reason(time.monotonic_ns()) is not Reason.DRIVING
        self._wake.notify_all()

    def _emit(self, now_ns: int):
        if self.active:
            command, reason = self.guard.tick(now_ns)
        else:
            command, reason = STOP, Reason.INACTIVE
        self._say(command)
        self._last = command
        self._pace.sent(now_ns)
        if reason is not self.reason:
            self.reason, self._news = reason, True
            self._wake.notify_all()
