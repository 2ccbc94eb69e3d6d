"""Child processes that never outlive their parent, and whose last words are kept."""

from collections import deque
import ctypes
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading

PACKAGE = 'mobile_vla_ros'
KEPT = 40  # lines of each child
PR_SET_PDEATHSIG = 1


class Children:
    """Runs verbs of this package as processes; use it in a `with` statement."""

    def __init__(self, **environment: str):
        """Take environment variables that the children get on top of this process's own."""
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get('PYTHONPATH')])]
        self._environment = {**os.environ, **environment, 'PYTHONUNBUFFERED': '1',
                             'PYTHONPATH': os.pathsep.join(paths)}
        self._children = []  # (name, process, lines, reader)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start(self, verb: str, *args: str) -> None:
        """Start a verb; it has a session of its own, so that Ctrl-C comes to the parent only."""
        child = subprocess.Popen(
            [sys.executable, '-m', PACKAGE, verb, *args], env=self._environment, text=True,
            errors='replace', stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=_die_with_parent)
        lines = deque(maxlen=KEPT)
        reader = threading.Thread(target=lambda: lines.extend(child.stdout), daemon=True)
        reader.start()
        self._children.append((verb, child, lines, reader))

    def check(self) -> None:
        """Raise a ChildProcessError with the last words of a child that ended."""
        for name, child, _, reader in self._children:
            if child.poll() is not None:
                reader.join(1.0)
                raise ChildProcessError(f'the {name} process ended with status '
                                        f'{child.returncode}: {self.last_words(name)}')

    def last_words(self, name: str) -> str:
        """Return the last lines of a child as one."""
        lines = next(lines for other, _, lines, _ in self._children if other == name)
        said = [line.strip() for line in list(lines) if line.strip()]
        return ' / '.join(said[-3:]) or 'it said nothing'

    def close(self) -> None:
        """End all, the last one first; whoever does not listen is killed."""
        for _, child, _, _ in reversed(self._children):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
            try:
                child.wait(3.0)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _die_with_parent():
    if sys.platform == 'linux':  # also when the parent is killed and cleans up nothing
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
