"""The teleop node in a pseudo-terminal, with keys pressed as a person does."""

import os
import pty
import subprocess
import sys
import threading
import time

from support.ros_harness import environment, ROOT, wait_for


class Terminal:
    """A teleop node in a terminal of its own."""

    def __init__(self, g, *args):
        self.g = g
        self.near, far = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'mobile_vla_ros', 'teleop', *args], stdin=far, stdout=far,
            stderr=far, env=environment(g.domain), cwd=ROOT, start_new_session=True)
        os.close(far)
        self.shown = b''
        threading.Thread(target=self._read, daemon=True).start()
        g.processes.append(self)
        wait_for(lambda: b'm/s' in self.shown, 20.0, 'a status line')
        wait_for(lambda: g.node.count_publishers('cmd_vel'), 5.0, 'a publisher')

    def _read(self):
        while True:
            try:
                self.shown += os.read(self.near, 1024)
            except OSError:
                return

    def hold(self, key: str, seconds: float, hz: float = 30.0) -> float:
        """Hold a key; return the time of its last repeat."""
        end = time.monotonic() + seconds
        while True:
            at = time.monotonic()
            os.write(self.near, key.encode())
            if at > end:
                return at
            time.sleep(1 / hz)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
