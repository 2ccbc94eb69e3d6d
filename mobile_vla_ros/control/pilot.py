"""From frames and instructions to commands: one lock, two threads, no ROS."""

from collections.abc import Callable, Sequence
import sys
import threading
import time
from typing import Any

from mobile_vla_ros.contract import Command, Plan
from mobile_vla_ros.control.arming import Arming
from mobile_vla_ros.control.guard import Guard, GuardConfig
from mobile_vla_ros.control.health import Health
from mobile_vla_ros.control.latest_worker import LatestWorker
from mobile_vla_ros.control.obstacle import Scan
from mobile_vla_ros.control.output import Output
from mobile_vla_ros.control.planner import AnyPolicy, Frame, Picture, Planner, submit
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.control.status import PilotState, Publisher, Status
from mobile_vla_ros.errors import first_line, summary_of


class Pilot:
    """
    Everything between what comes in and what goes out, callable from any thread.

    All that is mutable is guarded by `self._wake`, which the output shares. A pilot is
    configured, activated, deactivated and cleaned up as a lifecycle node is; `shutdown` is final.
    """

    def __init__(self, config: GuardConfig, on_news: Callable[[], object]) -> None:
        """Start the output thread, silent; `on_news()` is called there when the reason changes."""
        self._wake = threading.Condition(threading.RLock())
        self._on_news = on_news
        self._diagnostics_fail = False
        self.arming = Arming()  # outlives activations: a stop is not forgotten
        self.guard = Guard(config, self.arming)
        self.health = Health()
        self.instruction = ''
        self.policy: AnyPolicy | None = None
        self._decode: Callable[[Any], Picture] = lambda msg: msg
        self._on_plan: Callable[[Frame, Picture, Plan, str], object] = lambda *_: None
        self._worker: LatestWorker[Frame] | None = None
        self._planner = Planner()
        self._frame: Frame | None = None  # the newest one accepted
        self._stop_on_frozen = False
        self._output = Output(self._wake, self.report, self.arming.disarm)

    @property
    def active(self) -> bool:
        """Tell whether commands go out."""
        return self._output.active

    @property
    def reason(self) -> Reason:
        """Return why the base is driven or stopped."""
        return self._output.reason

    @property
    def failed(self) -> bool:
        """Tell whether no command goes out any more."""
        return self._output.failed

    # -- lifecycle

    def configure(self, policy: AnyPolicy, decode: Callable[[Any], Picture],
                  publish: Callable[[Command], object],
                  on_plan: Callable[[Frame, Picture, Plan, str], object]) -> None:
        """
        Get ready to be activated.

        :param decode: image message -> RGB uint8 (H, W, 3).
        :param publish: takes a Command.
        :param on_plan: takes (frame, rgb, plan, instruction) after a plan was accepted.
        """
        with self._wake:
            self.policy = policy
            self._decode, self._on_plan = decode, on_plan
            self._output.configure(publish)
            self._worker = LatestWorker(self._infer, self._erred)

    def activate(self, config: GuardConfig, rate: float, instruction: str, armed: bool) -> None:
        """Begin to publish, by a new guard."""
        now_ns = time.monotonic_ns()
        with self._wake:
            self.guard = Guard(config, self.arming)
            self._frame = None
            self._planner.forget()
            if armed:
                self.arming.arm()
            self.guard.accept_instruction(self.instruction or instruction, now_ns)
            self._output.activate(self.guard, rate, now_ns)

    def deactivate(self) -> None:
        """Send zero now, more zeros for a second, then nothing; disarmed and without a task."""
        with self._wake:
            if self.active:
                self.arming.disarm()
                self.instruction = ''
                self._output.deactivate(time.monotonic_ns())

    def cleanup(self) -> None:
        """Send the last zeros, drop the policy and what came for it; then topics may be closed."""
        self.deactivate()
        with self._wake:
            self._output.send_last_zeros()
        if self._worker:
            self._worker.stop(1.0)
        with self._wake:
            self.policy = self._worker = self._frame = None
            self._planner.forget()
            self._stop_on_frozen = False
            self._output.cleanup()

    def shutdown(self) -> bool:
        """Send the last zeros and be silent for ever; True if there was somebody to hear them."""
        with self._wake:
            speaking = self._output.shutdown()
        if self._worker:
            self._worker.stop(0.1)
        return speaking

    # -- what comes in

    def on_frame(self, msg: Any, stamp_ns: int, received_ns: int,
                 clock_offset_ns: int | None) -> None:
        """
        Take a frame.

        :param clock_offset_ns: how far its stamp is ahead of the clock that stamps commands;
            None where the camera does not stamp, and stamp_ns is the time of receipt.
        """
        stamped = clock_offset_ns is not None
        with self._wake:
            if not self.active or not self._worker:
                return
            accepted = self.guard.accept_frame(stamp_ns, received_ns, -(clock_offset_ns or 0),
                                               stamped)
            self.health.note_frame(received_ns, clock_offset_ns, accepted)
            if accepted:
                self._frame = Frame(msg, stamp_ns, received_ns, stamped)
                self.health.replaced += self._worker.offer(self._frame)

    def on_scan(self, scan: Scan, received_ns: int) -> None:
        """Take a scan of the surroundings."""
        with self._wake:
            if self.active and self.guard.obstacles:
                self.guard.obstacles.accept_scan(scan, received_ns)
                self.health.note_scan(received_ns)

    def on_instruction(self, text: str) -> None:
        """Take a normalised instruction; an empty one stops at once."""
        with self._wake:
            self.instruction = text
            if self.active and self.guard.accept_instruction(text, time.monotonic_ns()):
                if not text:
                    self._output.hurry()
                elif self._frame and self._worker:
                    self._worker.again(self._frame)  # don't wait for the next one

    def on_graph(self, publishers: Sequence[Publisher], rivals: Sequence[str],
                 exclusive: bool) -> bool:
        """Take note of who else is in the graph; True if that is news."""
        with self._wake:
            news = bool(rivals) != bool(self.health.rivals)
            self.health.note_graph(publishers, rivals, time.monotonic_ns())
            self._block(Reason.CONTENDED, bool(rivals) and exclusive)
        return news

    # -- what people want

    def arm(self, wanted: bool) -> tuple[bool, str]:
        """Arm or disarm; return (done, words)."""
        with self._wake:
            if not wanted:
                self.arming.disarm()
                self._output.hurry()
                return True, 'disarmed'
            refusal = Reason.INACTIVE if not self.active \
                else Reason.FAULT if self.guard.faulted \
                else None if self.arming.arm() else Reason.STOPPED
            self._wake.notify_all()
        return not refusal, f'{refusal.text}: {refusal.way_out}' if refusal else 'armed'

    def stop(self) -> None:
        """Latch a stop."""
        with self._wake:
            self.arming.stop()
            self._output.hurry()

    def reset(self) -> None:
        """Clear a latched stop and a fault; stay disarmed."""
        with self._wake:
            self.guard.reset()
            self.health.display_error = ''
            self._planner.forget()  # older stamps may come now: the policy starts anew too
            self._output.hurry()

    def update(self, config: GuardConfig, policy: AnyPolicy | None) -> None:
        """Take other settings, and another policy, which disarms."""
        with self._wake:
            self.guard.configure(config)
            if policy is not self.policy:
                self.policy = policy
                self.arming.disarm()  # another model drives only after another deliberate act
                self.guard.drop_plan()
                self._output.hurry()

    def stop_on_frozen(self, wanted: bool) -> None:
        """Set whether a camera that repeats one image stops the base."""
        with self._wake:
            self._stop_on_frozen = wanted
            self._block(Reason.FROZEN, wanted and self.health.frozen)

    # -- what is said

    def report(self) -> None:
        """Call on_news; what goes wrong in it is counted and said, and stops nothing."""
        error = ''
        try:
            self._on_news()
        except Exception as raised:
            error = summary_of(raised)
        with self._wake:
            if error and not self._diagnostics_fail and not self._output.closed:
                sys.stderr.write(f'warning: diagnostics cannot be published ({error}); driving '
                                 'goes on, and the next are tried\n')
            self._diagnostics_fail = bool(error)
            self.health.diagnostics_failed += self._diagnostics_fail

    def statuses(self, name: str, topic: str, image_type: str) -> tuple[Reason, list[Status]]:
        """Return (reason, statuses of the node)."""
        with self._wake:
            policy = {} if self.policy is None else {
                'checkpoint sha256': self.policy.sha256, 'backend': self.policy.backend}
            return self.reason, self.health.statuses(PilotState(
                name, topic, image_type, time.monotonic_ns(), self.active, self.reason, policy,
                self.guard))

    def _block(self, reason: Reason, blocked: bool) -> None:
        (self.guard.blocks.add if blocked else self.guard.blocks.discard)(reason)

    # -- inference thread

    def _infer(self, worker: LatestWorker[Frame], frame: Frame) -> None:
        try:
            rgb = self._decode(frame.msg)
        except Exception as error:  # a MessageError, unless a codec has a surprise
            with self._wake:
                self.guard.note_unreadable()
                self.health.note_unreadable(frame.msg, error, first_line(error))
            return
        with self._wake:
            guard, policy, instruction = self.guard, self.policy, self.guard.instruction
            self.health.tally.count(frame.msg)
            before = self.health.frozen
            frozen = self.health.note_picture(rgb, frame.received_ns)
            self._block(Reason.FROZEN, frozen and self._stop_on_frozen)
            self._output.note_news(frozen != before)
            if not guard.wants_plan or policy is None:
                return
        started = time.perf_counter()
        answer = self._planner.ask(policy, rgb, instruction, frame)
        took_ms = 1e3 * (time.perf_counter() - started)
        with self._wake:
            if worker.stopped or policy is not self.policy or guard is not self.guard:
                return  # it hung, and the world went on without it
            self.health.inference_ms.append(took_ms)
            failures = guard.failures
            accepted = submit(answer, guard)
            self.health.failed_plans += guard.failures > failures
            if not accepted:
                self._output.hurry()
            elif self._output.accept_plan(frame, time.monotonic_ns()):
                self.health.latency_ms.append((time.monotonic_ns() - frame.received_ns) / 1e6)
        if accepted:
            self._show(frame, rgb, answer.plan, instruction)

    def _show(self, frame: Frame, rgb: Picture, plan: Plan, instruction: str) -> None:
        """Let others see a plan; if that fails it is told, and the base drives on."""
        error = ''
        try:
            self._on_plan(frame, rgb, plan, instruction)
        except Exception as raised:
            error = summary_of(raised)
        with self._wake:
            self._output.note_news(self.health.note_display(error))
            self._wake.notify_all()

    def _erred(self, worker: LatestWorker[Frame], error: Exception) -> None:
        """Stop for what nobody foresaw: it counts as a failure of the policy."""
        with self._wake:
            if not worker.stopped:
                self.guard.note_failure(f'after a frame: {summary_of(error)}')
                self.health.failed_plans += 1
                self._planner.forget()
                self._output.hurry()
