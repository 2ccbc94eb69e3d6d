"""
What most projects do: a queue of ten, cv_bridge, torch eager in the callback, many threads.

    python -m bench.speed.rivals.naive_node [--checkpoint P.safetensors] [--delay S]

Like the node under test in latency.py, it drives at the code in a frame's first pixel.
"""

import argparse
from pathlib import Path
import sys
import time

from cv_bridge import CvBridge
from geometry_msgs.msg import Twist
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image

from bench.paths import ROOT
from bench.speed.latency import STEP
from bench.speed.rivals import until_signal


class NaiveNode(Node):
    """A frame in, inference, a command out, all in one callback."""

    def __init__(self, checkpoint, delay_s):
        """Take the weights, or none and a time that inference takes."""
        super().__init__('naive')
        self._bridge, self._delay_s = CvBridge(), delay_s
        self._policy = None
        if checkpoint:
            from mobile_vla_ros.inference.policy import load_policy
            self._policy = load_policy(checkpoint, 'torch')
        self._commands = self.create_publisher(Twist, 'cmd_vel', 10)
        self.create_subscription(Image, 'image', self._on_image, 10)

    def _on_image(self, msg):
        rgb = self._bridge.imgmsg_to_cv2(msg, 'rgb8').copy()
        if self._policy:
            self._policy.plan(rgb, 'go', time.monotonic_ns())
        time.sleep(self._delay_s)
        twist = Twist()
        twist.linear.x = (int(rgb[0, 0, 0]) + 1) * STEP
        self._commands.publish(twist)


def main() -> int:
    """Run until a signal comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--checkpoint', type=Path,
                        default=ROOT / 'checkpoints' / 'default.safetensors')
    parser.add_argument('--delay', type=float, default=0.0, help='s, instead of the checkpoint')
    args = parser.parse_args()
    until_signal.start()
    node = NaiveNode(None if args.delay else args.checkpoint, args.delay)
    executor = MultiThreadedExecutor()
    executor.add_node(node)
    until_signal.spin(executor)
    executor.shutdown(timeout_sec=1.0)
    return 0


if __name__ == '__main__':
    sys.exit(main())
