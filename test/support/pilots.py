"""A pilot that drives, without ROS: its frames, and what it published when."""

import contextlib
import threading
import time

import numpy as np

from mobile_vla_ros.contract import NS, Plan, STOP
from mobile_vla_ros.control.guard import GuardConfig
from mobile_vla_ros.control.pilot import Pilot

from support.stalls import wait_for, watch

RATE = 1.0  # commands per second: what waits for its turn comes up to a second later


class Straight:
    """Drives straight on."""

    sha256 = backend = 'test'

    def reset(self):
        pass

    def plan(self, rgb, instruction, stamp_ns):
        return Plan(np.array([[0.4, 0.0, 0.0]], np.float32), stamp_ns, NS)


class Drive:
    """A pilot that drives at RATE, its frames, and what it published when."""

    def __init__(self, policy=None, on_plan=lambda *_: None, on_news=lambda: None, rate=RATE):
        watch()
        self.sent = []  # (time ns, command)
        self.broken = False  # whether commands can be published
        self.pilot = Pilot(GuardConfig(), on_news)
        self.pilot.configure(policy or Straight(), lambda frame: frame, self.publish, on_plan)
        self.pilot.activate(GuardConfig(), rate, 'go', True)
        self.ended = threading.Event()
        self.camera = threading.Thread(target=self.shoot, daemon=True)
        self.camera.start()

    def publish(self, command):
        if self.broken:
            raise RuntimeError('no such publisher')
        self.sent.append((time.monotonic_ns(), command))

    def shoot(self):
        for count in range(10_000):
            if self.ended.wait(0.02):
                return
            now_ns = time.monotonic_ns()
            self.pilot.on_frame(np.full((16, 16, 3), count % 255, np.uint8), now_ns, now_ns, 0)

    def moving(self):
        """Wait until a command has just gone out, so that the next one's turn is far."""
        before = len(self.sent)
        wait_for(lambda: len(self.sent) > before and self.sent[-1][1] != STOP, 10.0, 'moving')

    def told(self):
        """Return the policy's status: level, words, values."""
        return next(rest for name, *rest in self.pilot.statuses('drive', 'image', '')[1]
                    if name == 'drive: policy')

    def until(self, condition, what):
        end = time.monotonic() + 10.0
        while not condition():
            assert time.monotonic() < end, f'never: {what}; {self.told()}, {self.pilot.reason}'
            time.sleep(0.001)

    def close(self):
        self.ended.set()
        self.camera.join()
        self.pilot.shutdown()


def running(**kwargs):
    driving = Drive(rate=20.0, **kwargs)
    return contextlib.closing(driving)
