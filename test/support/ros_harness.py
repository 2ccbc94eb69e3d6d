"""Real nodes over real DDS: a domain per test, processes, a camera, a listener with times."""

import collections
import contextlib
import fcntl
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402, I100
from geometry_msgs.msg import Twist, TwistStamped  # noqa: E402, I100
from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState  # noqa: E402
import rclpy  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402, I100
from rclpy.qos import qos_profile_sensor_data, QoSProfile  # noqa: E402
from rcl_interfaces.srv import SetParametersAtomically  # noqa: E402, I100
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402, I100
from std_msgs.msg import String  # noqa: E402, I100

from mobile_vla_ros import messages  # noqa: E402, I100
from mobile_vla_ros.contract import Command, STOP  # noqa: E402, I100
from mobile_vla_ros.environment import transport  # noqa: E402, I100
from mobile_vla_ros.environment.domain import own_domain  # noqa: E402
from support import stalls  # noqa: E402, I100
from support.stalls import assert_within, stalled, wait_for  # noqa: E402, F401, I100
from support.paths import ROOT  # noqa: E402

SOAK = int(os.environ.get('MOBILE_VLA_SOAK', 1))


def environment(domain: int) -> dict:
    """Return the environment of a process in `domain` with the shipped transport profile."""
    paths = [str(ROOT), str(ROOT / 'test'), os.environ.get('PYTHONPATH', '')]
    return {**os.environ, 'ROS_DOMAIN_ID': str(domain), 'PYTHONUNBUFFERED': '1',
            **transport.profile(), 'PYTHONPATH': os.pathsep.join(path for path in paths if path)}


def free_shared_memory():
    """
    Remove the segments, 17 MB each, of processes that were killed: nobody else does.

    Whoever uses a segment holds a lock on the file beside it, as for `fastdds shm clean`.
    """
    for lock in Path('/dev/shm').glob('fast*_el'):
        with contextlib.suppress(OSError), open(lock, encoding='utf-8') as file:
            if time.time() - lock.stat().st_mtime > 5.0:  # else its owner may be about to lock it
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                lock.unlink()
                lock.with_name(lock.name.removesuffix('_el')).unlink()


class Process:
    """A child in a domain; its output is read as it comes."""

    def __init__(self, domain: int, *argv):
        self.child = subprocess.Popen(
            [sys.executable, *map(str, argv)], env=environment(domain), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT)
        self.lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.child.stdout:
            self.lines.append(line)

    def send(self, number: int) -> float:
        """Send a signal; return the time at which it was sent."""
        at = time.monotonic()
        self.child.send_signal(number)
        return at

    def wait(self, seconds: float) -> int:
        """Return the exit status."""
        try:
            status = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f'process did not end within {seconds} s:\n' + ''.join(self.lines))
        self._reader.join(1.0)
        return status

    def kill(self):
        """End it without asking."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGKILL)
        self.child.wait()


def refusal(*argv, seconds: float = 30.0) -> tuple[int, list[str]]:
    """Run a child that ends by itself in a domain of its own; return its status and lines."""
    with own_domain() as domain:
        process = Process(domain, *argv)
        try:
            return process.wait(seconds), process.lines
        finally:
            process.kill()


class Graph:
    """The test's own node: a camera, an operator, and a base that notes what it is told."""

    newest = None

    def __init__(self, domain: int, stamped: bool = False, width: int = 64, height: int = 48):
        stalls.watch()
        Graph.newest = self
        self.opened = time.monotonic()
        self.domain = domain
        os.environ.update(transport.profile())  # before this process joins the domain
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node('tester', context=self.context)
        self.received = []  # (steady time s, Command)
        self.diagnostics = collections.defaultdict(DiagnosticStatus)  # by name
        self.history = []  # (steady time s, name, level, message)
        self.node.create_subscription(TwistStamped if stamped else Twist, 'cmd_vel',
                                      self._on_command, 10)
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self.images = self.node.create_publisher(Image, 'image', qos_profile_sensor_data)
        self.jpegs = self.node.create_publisher(CompressedImage, 'image/compressed',
                                                qos_profile_sensor_data)
        self.instructions = self.node.create_publisher(String, 'instruction', QoSProfile(depth=1))
        self.processes = []
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._spin, daemon=True)
        self.thread.start()
        self.rgb = np.zeros((height, width, 3), np.uint8)
        self.streaming = threading.Event()
        self.sent = []  # steady times of frames
        self.stamp_offset_ns, self.stamped = 0, True
        self.camera = None
        self.closed = False

    def _spin(self):
        # Not spin(): shutdown() destroys what a spinning executor still waits for, which crashes.
        while not self.ending.is_set():
            self.executor.spin_once(timeout_sec=0.05)

    def _on_command(self, msg):
        twist = getattr(msg, 'twist', msg)  # as it is, finite or not
        self.received.append((time.monotonic(), Command(
            twist.linear.x, twist.linear.y, twist.angular.z)))

    def _on_diagnostics(self, msg):
        for status in msg.status:
            self.diagnostics[status.name] = status
            self.history.append((time.monotonic(), status.name, status.level, status.message))

    def start(self, *argv) -> Process:
        """Start a child in this domain; it is killed at the end."""
        process = Process(self.domain, *argv)
        self.processes.append(process)
        return process

    def drive(self, kind: str = 'good', **parameters) -> Process:
        """Start a drive process with a policy that test/support/faulty.py knows."""
        args = [ROOT / 'test' / 'support' / 'faulty.py', kind, '--ros-args']
        for name, value in parameters.items():
            args += ['-p', f'{name}:={value}']
        return self.start(*args)

    def frame(self, red: int = 128, fault: bool = False):
        """Publish one frame; red is the policy's linear_x in 1/255 m/s."""
        self.rgb[0, 0] = red, 255 * fault, 0
        self.rgb[8, 8, 0] = len(self.sent) % 256  # a live camera never repeats itself
        at = time.monotonic()
        self.images.publish(messages.to_image(
            self.rgb, time.time_ns() + self.stamp_offset_ns if self.stamped else 0, 'camera'))
        self.sent.append(at)

    def stream(self, hz: float = 20.0, **kwargs):
        """Publish frames at a rate until `still`."""
        self.still()
        self.streaming.set()

        def run():
            due = time.monotonic()
            while self.streaming.is_set():
                self.frame(**kwargs)
                due += 1.0 / hz
                time.sleep(max(due - time.monotonic(), 0.0))
        self.camera = threading.Thread(target=run, daemon=True)
        self.camera.start()

    def still(self) -> float:
        """Stop the stream; return the time of its last frame."""
        self.streaming.clear()
        if self.camera:
            self.camera.join()
        return self.sent[-1] if self.sent else 0.0

    def say(self, text: str):
        """Publish an instruction."""
        self.instructions.publish(String(data=text))

    def call(self, kind, name: str, seconds: float = 5.0, **fields):
        """Call a service and return its response."""
        client = self.node.create_client(kind, name)
        try:
            if not client.wait_for_service(seconds):
                pytest.fail(f'no service {name} within {seconds} s')
            future = client.call_async(kind.Request(**fields))
            wait_for(future.done, seconds, f'an answer of {name}')
            return future.result()
        finally:
            self.apart(self.node.destroy_client, client)

    def apart(self, function, *args):
        """Call a function of the node while nothing waits for what it destroys."""
        task = self.executor.create_task(function, *args)
        wait_for(task.done, 5.0, 'a turn between two waits')
        return task.result()

    def set(self, node: str, **values):
        """Set parameters at once; return the result."""
        parameters = [Parameter(name.replace('__', '.'), value=value).to_parameter_msg()
                      for name, value in values.items()]
        return self.call(SetParametersAtomically, f'{node}/set_parameters_atomically',
                         parameters=parameters).result

    def change(self, transition: int, seconds: float = 5.0) -> bool:
        """Ask the drive node for a lifecycle transition; return whether it succeeded."""
        return self.call(ChangeState, 'drive/change_state', seconds,
                         transition=Transition(id=transition)).success

    def moving(self, since: float = 0.0):
        """Return the first non-zero command after a time, or None."""
        return next((item for item in self.received if item[0] > since and item[1] != STOP), None)

    def zero(self, since: float = 0.0):
        """Return the first zero command after a time, or None."""
        return next((item for item in self.received if item[0] > since and item[1] == STOP), None)

    def last(self):
        """Return the newest command, or None."""
        return self.received[-1][1] if self.received else None

    def drives(self, kind: str = 'good', **parameters) -> Process:
        """Start a drive process, feed it and wait until it moves."""
        process = self.drive(kind, armed=True, instruction='go left', **parameters)
        self.stream()
        wait_for(self.moving, 20.0, 'a moving base')
        return process

    def __str__(self):
        """Return what the nodes said, for a test that failed."""
        said = [line for process in self.processes for line in getattr(process, 'lines', [])]
        said += [f'{at - self.opened:7.3f} s  {name}: {message}\n'
                 for at, name, _, message in self.history[-20:]]
        return (f'{"".join(said)}{time.monotonic() - self.opened:7.3f} s  {len(self.sent)} frames '
                f'sent, {len(self.received)} commands received, the last {self.received[-1:]}; '
                f'the machine lost {stalled(self.opened):.3f} s')

    def close(self):
        """End every process, then this node."""
        self.still()
        for process in self.processes:
            process.kill()
        self.ending.set()
        self.thread.join()
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)
        free_shared_memory()


@contextlib.contextmanager
def graph(**kwargs):
    """Yield a Graph in a domain of its own."""
    with own_domain() as domain:
        opened = Graph(domain, **kwargs)
        try:
            yield opened
        finally:
            opened.close()
