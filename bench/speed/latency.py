"""
Image published -> command received, over DDS, each command traced to the very frame it answers.

    python -m bench.speed.latency                       the node alone
    python -m bench.speed.latency --checkpoint P.onnx   with the model's inference

Every frame carries a number in its first pixel. The policy of the node under test drives at that
many steps of speed, whatever else it computes, so every command names its frame.
"""

import argparse
import json
import os
from pathlib import Path
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np

from bench.paths import ROOT

STEP = 0.002  # m/s for one step of the code; 250 steps
CODES = 250
WARM_UP = 60  # frames, until the output is in step with the camera


class CodedPolicy:
    """Runs another policy, if there is one, and drives by the code in the first pixel."""

    backend, sha256 = 'coded', '0' * 64
    metadata = SimpleNamespace(data={})

    def __init__(self, inner=None, delay_s=0.0):
        """Take the policy to measure, or the time that inference is to take."""
        self.inner, self.delay_s = inner, delay_s

    def reset(self):
        """Start anew."""
        if self.inner:
            self.inner.reset()

    def plan(self, rgb, instruction, stamp_ns):
        """Return the coded speed."""
        from mobile_vla_ros.contract import Plan
        if self.inner:
            self.inner.plan(rgb, instruction, stamp_ns)
        time.sleep(self.delay_s)
        return Plan(np.array([[(int(rgb[0, 0, 0]) + 1) * STEP, 0.0, 0.0]]), stamp_ns, 50_000_000)


def serve(checkpoint: str, delay_s: float, ros_args) -> int:
    """Run the drive node with the coded policy."""
    from mobile_vla_ros import load_policy
    from mobile_vla_ros.nodes.drive import main

    def load(path, backend, threads, device):
        inner = load_policy(checkpoint, backend, threads) if checkpoint else None
        return CodedPolicy(inner, delay_s)
    return main(ros_args, load)


def measure(command, frames: int = 300, **settings) -> dict:
    """
    Feed the node that `command` starts, and watch it.

    :param settings: width, height, hz.
    :returns: times in ms, how many frames were lost, what of a core it used, its memory in MB,
        and the seconds from its start to the first command.
    """
    sent, received, seen = observe(command, frames, **settings)
    return {**summarise(sent, received), **seen}


def observe(command, frames: int, **settings):
    """Return (steady s, code) of each frame sent and each command received, and other figures."""
    from mobile_vla_ros.environment.domain import own_domain
    with own_domain() as domain:
        return _observe(command, frames, domain, **settings)


def _observe(command, frames: int, domain: int, width: int = 640, height: int = 480,
             hz: float = 20.0):
    from geometry_msgs.msg import Twist
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.qos import QoSProfile
    from sensor_msgs.msg import Image

    from mobile_vla_ros import messages
    from mobile_vla_ros.environment import transport

    os.environ.update(transport.profile())
    began = time.monotonic()
    child = subprocess.Popen(command, env={**os.environ, 'ROS_DOMAIN_ID': str(domain)}, cwd=ROOT)
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    node = rclpy.create_node('latency', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    received = []  # (steady s, code)
    node.create_subscription(Twist, 'cmd_vel', lambda msg: received.append(
        (time.monotonic(), round(msg.linear.x / STEP) - 1)), 10)
    images = node.create_publisher(Image, 'image', QoSProfile(depth=1))
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    sent = []  # (steady s, code)

    def feed(count):
        due = time.monotonic()
        for _ in range(count):
            while True:
                left = due - time.monotonic()
                if left <= 0.0:
                    break
                executor.spin_once(timeout_sec=left)
            rgb[0, 0, 0] = len(sent) % CODES
            msg = messages.to_image(rgb, time.time_ns(), 'camera')
            at = time.monotonic()
            images.publish(msg)
            sent.append((at, int(rgb[0, 0, 0])))
            due += 1.0 / hz

    try:
        end = time.monotonic() + 30.0
        while not any(code >= 0 for _, code in received):
            if time.monotonic() > end or child.poll() is not None:
                raise RuntimeError(f'{command} gave no command within 30 s')
            feed(5)
        feed(WARM_UP)
        first, used_s, at = len(sent), cpu_s(child.pid), time.monotonic()
        feed(frames)
        cpu = (cpu_s(child.pid) - used_s) / (time.monotonic() - at)
        held_mb = memory_mb(child.pid)
        feed(3)
    finally:
        child.terminate()
        child.wait(10.0)
        node.destroy_node()
        rclpy.shutdown(context=context)
    return sent[first:first + frames], received, {
        'cpu': cpu, 'memory_mb': held_mb, 'start_s': received[0][0] - began}


def cpu_s(pid: int) -> float:
    """Return the seconds of a core that a process has used."""
    after_name = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf('SC_CLK_TCK')


def memory_mb(pid: int) -> float:
    """Return what a process holds in memory."""
    line = next(line for line in Path(f'/proc/{pid}/status').read_text().splitlines()
                if line.startswith('VmRSS'))
    return int(line.split()[1]) / 1024


def summarise(sent, received) -> dict:
    """Match commands to frames; a frame without a command is lost if a later one has one."""
    delays = []
    for at, code in sent:
        answer = next((t for t, answered in received if at < t < at + 2.0 and answered == code),
                      None)
        if answer is not None:
            delays.append(1e3 * (answer - at))
    meanwhile = [(t, code) for t, code in received if sent[0][0] <= t <= sent[-1][0]]
    times = [t for t, _ in meanwhile]
    periods = 1e3 * np.diff(times)
    p50, p99 = np.percentile(delays, (50, 99)) if delays else (None, None)
    return {
        'frames': len(sent), 'unanswered': len(sent) - len(delays),
        'stops': sum(code < 0 for _, code in meanwhile),
        'latency_ms': {'p50': p50, 'p99': p99, 'max': max(delays, default=None)},
        'period_ms': {'mean': float(periods.mean()), 'std': float(periods.std()),
                      'p99': float(np.percentile(periods, 99))},
    }


def node_command(checkpoint: str = '', *ros_args, delay_s: float = 0.0) -> list:
    """Return the command line of the drive node with the coded policy."""
    return [sys.executable, '-m', 'bench.speed.latency', '--serve', '--checkpoint', checkpoint,
            '--delay', str(delay_s), '--ros-args', '--log-level', 'FATAL',
            '-p', 'armed:=true', '-p', 'instruction:=go',
            '-p', 'limits.velocity:=[1.0,1.0,1.0]',
            '-p', 'limits.acceleration:=[100.0,100.0,100.0]',
            '-p', 'limits.deceleration:=[100.0,100.0,100.0]', *ros_args]


def main() -> int:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--checkpoint', default='', help='model whose inference is included')
    parser.add_argument('--frames', type=int, default=300)
    parser.add_argument('--width', type=int, default=640)
    parser.add_argument('--height', type=int, default=480)
    parser.add_argument('--hz', type=float, default=20.0)
    parser.add_argument('--delay', type=float, default=0.0, help=argparse.SUPPRESS)
    parser.add_argument('--serve', action='store_true', help=argparse.SUPPRESS)
    args, rest = parser.parse_known_args()
    if args.serve:
        return serve(args.checkpoint, args.delay, rest)
    print(json.dumps(measure(node_command(args.checkpoint, *rest), args.frames, args.width,
                             args.height, args.hz), indent=2))
    return 0


if __name__ == '__main__':
    sys.exit(main())
