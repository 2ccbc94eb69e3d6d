"""Child processes that never outlive their parent, and whose last lines are kept."""

from collections import deque
import ctypes
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
from types import TracebackType
from typing import NamedTuple

PACKAGE = 'mobile_vla_ros'
KEPT = 40  # lines of each child
PR_SET_PDEATHSIG = 1


class Child(NamedTuple):
    """A running verb, the last lines of its output, and the thread that reads them."""

    verb: str
    process: subprocess.Popen[str]
    lines: deque[str]
    reader: threading.Thread


class Children:
    """Runs verbs of this package as processes; use it in a `with` statement."""

    def __init__(self, **environment: str):
        """Take environment variables for the children, in addition to this process's own."""
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get('PYTHONPATH')])]
        self._environment = {**os.environ, **environment, 'PYTHONUNBUFFERED': '1',
                             'PYTHONPATH': os.pathsep.join(paths)}
        self._children: list[Child] = []

    def __enter__(self) -> 'Children':
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def start(self, verb: str, *args: str) -> None:
        """Start a verb in a session of its own, so that Ctrl-C reaches the parent only."""
        child = subprocess.Popen(
            [sys.executable, '-m', PACKAGE, verb, *args], env=self._environment, text=True,
            errors='replace', stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=_die_with_parent)
        lines: deque[str] = deque(maxlen=KEPT)
        reader = threading.Thread(target=lines.extend, args=(child.stdout,), daemon=True)
        reader.start()
        self._children.append(Child(verb, child, lines, reader))

    def check(self) -> None:
        """
        Check that all children run.

        :raises ChildProcessError: with the last lines of a child that ended.
        """
        for child in self._children:
            if child.process.poll() is not None:
                child.reader.join(1.0)
                raise ChildProcessError(f'the {child.verb} process ended with status '
                                        f'{child.process.returncode}: '
                                        f'{self.last_words(child.verb)}')

    def last_words(self, verb: str) -> str:
        """Return the last lines of a child as one line."""
        lines = next(child.lines for child in self._children if child.verb == verb)
        written = [line.strip() for line in list(lines) if line.strip()]
        return ' / '.join(written[-3:]) or 'it said nothing'

    def close(self) -> None:
        """End all children, the last one first; kill those that do not end when asked."""
        for child in reversed(self._children):
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
            try:
                child.process.wait(3.0)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()


def _die_with_parent() -> None:
    if sys.platform == 'linux':  # even if the parent is killed and cannot clean up
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
