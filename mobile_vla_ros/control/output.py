"""The thread that publishes commands at their time. No ROS."""

from collections.abc import Callable
import os
import signal
import sys
import threading
import time

from mobile_vla_ros.contract import Command, NS, STOP
from mobile_vla_ros.control.guard import Guard
from mobile_vla_ros.control.planner import Frame
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.control.schedule import Schedule
from mobile_vla_ros.errors import summary_of

ZEROS_NS = NS  # how long zeros go on after a deactivation
LAST_ZEROS = 4  # before nobody speaks any more


class Output:
    """
    Publishes what its schedule decides, and says when the reason changes.

    All that is mutable is guarded by `wake`, the pilot's lock: every method but the thread's own
    is called under it. Commands are published under it too, so that none can overtake a stop.
    """

    def __init__(self, wake: threading.Condition, on_news: Callable[[], object],
                 on_failure: Callable[[], object]) -> None:
        """
        Start the thread, silent.

        :param on_news: called without the lock, when the reason is another one.
        :param on_failure: called when no command goes out any more; the process ends.
        """
        self._wake = wake
        self._on_news, self._on_failure = on_news, on_failure
        self._publish: Callable[[Command], object] = lambda command: None
        self._schedule: Schedule | None = None  # None: never activated
        self.reason = Reason.INACTIVE
        self.failed = self.closed = False
        self._zeros_until_ns = 0
        self._urgent = self._news = False
        self._thread = threading.Thread(target=self._run, name='output', daemon=True)
        self._thread.start()

    @property
    def active(self) -> bool:
        """Tell whether commands go out."""
        return self._schedule is not None and self._schedule.active

    def configure(self, publish: Callable[[Command], object]) -> None:
        """Take what publishes a command."""
        self._publish = publish

    def activate(self, guard: Guard, rate: float, now_ns: int) -> None:
        """Begin to publish what a guard decides, `rate` times a second."""
        self._schedule = Schedule(guard, rate, now_ns)
        self._wake.notify_all()

    def deactivate(self, now_ns: int) -> None:
        """Send zero now, more zeros for a second, then nothing."""
        if self._schedule:
            self._schedule.active = False
            self._zeros_until_ns = now_ns + ZEROS_NS
            self.emit(now_ns)
            self._wake.notify_all()

    def send_last_zeros(self) -> bool:
        """Be inactive, and let nobody else speak meanwhile; False if it was silent already."""
        speaking = self.active or time.monotonic_ns() < self._zeros_until_ns
        if self._schedule:
            self._schedule.active = False
        for _ in range(LAST_ZEROS if speaking else 0):
            self._send(STOP)
            time.sleep(0.02)
        return speaking

    def cleanup(self) -> None:
        """Be as new, and silent."""
        self._schedule = None
        self.reason = Reason.INACTIVE
        self._zeros_until_ns = 0
        self._urgent = self._news = False

    def shutdown(self) -> bool:
        """Send the last zeros and end the thread; False if it was silent already."""
        self.closed = True
        self._wake.notify_all()
        return self.send_last_zeros()

    def note_news(self, news: bool = True) -> None:
        """Let the thread tell of news, if there are any."""
        self._news |= news

    def accept_plan(self, frame: Frame, now_ns: int) -> bool:
        """Take note of a frame's plan; True if its command went out at once."""
        if self._schedule is None or not self._schedule.accept_plan(frame, now_ns):
            return False
        self.emit(now_ns)
        return True

    def hurry(self) -> None:
        """Let a STOP out at once; a command waits for its turn."""
        if self._schedule:
            self._urgent = self._schedule.must_stop(time.monotonic_ns())
        self._wake.notify_all()

    def emit(self, now_ns: int) -> None:
        """Publish what is decided now."""
        if self._schedule is None:
            return
        command, reason = self._schedule.decide(now_ns)
        self._send(command)
        if reason is not self.reason:
            self.reason = reason
            self.note_news()
            self._wake.notify_all()

    def _run(self) -> None:
        try:
            while True:
                with self._wake:
                    if self.closed:
                        return
                    self._wait_or_emit(time.monotonic_ns())
                    news, self._news = self._news, False
                if news:
                    self._on_news()
        except Exception as error:  # no output, no node
            self._fail(error)

    def _wait_or_emit(self, now_ns: int) -> None:
        schedule = self._schedule
        if schedule is None or not schedule.active and now_ns >= self._zeros_until_ns:
            if not self._news:
                self._wake.wait()
            return
        due_ns = schedule.due_ns
        if self._urgent or now_ns >= due_ns:
            self._urgent = False
            self.emit(now_ns)
        elif not self._news:
            self._wake.wait((due_ns - now_ns) / NS)

    def _send(self, command: Command) -> None:
        """Publish a command; a node that cannot is of no use, and ends as by a signal."""
        try:
            self._publish(command)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self.failed:
            sys.stderr.write(f'error: no command goes out ({summary_of(error)}): the node ends, '
                             'start it again; the base must stop by its own timeout\n')
            self.failed = True
            with self._wake:
                self._on_failure()
            os.kill(os.getpid(), signal.SIGTERM)
