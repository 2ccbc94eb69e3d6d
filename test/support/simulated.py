"""The sim node in a graph of its own, and a listener to all that it publishes."""

import json
import time

import numpy as np
import pytest

pytest.importorskip('mujoco', reason='needs the simulator')

from support.ros_harness import stalled, wait_for  # noqa: E402, I100
from geometry_msgs.msg import Twist  # noqa: E402, I100
from nav_msgs.msg import Odometry  # noqa: E402
from rclpy.qos import DurabilityPolicy, qos_profile_sensor_data, QoSProfile  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CameraInfo  # noqa: E402
from std_msgs.msg import String  # noqa: E402

FRAME = 'camera_optical_frame'
SIM = ('-c', 'import sys; from mobile_vla_ros.nodes.sim import main; sys.exit(main(sys.argv[1:]))',
       '--ros-args')


class Listener:
    """Notes everything that the sim node publishes."""

    def __init__(self, g, *images):
        self.heard = {}
        for kind, topic in ((Odometry, 'odom'), (Clock, '/clock'), (CameraInfo, 'camera_info'),
                            *images):
            g.node.create_subscription(kind, topic, lambda msg, topic=topic: self.heard.setdefault(
                topic, []).append((time.monotonic(), msg)), qos_profile_sensor_data)
        late = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        g.node.create_subscription(String, 'sim/outcome', lambda msg: self.heard.setdefault(
            'outcome', []).append((time.monotonic(), json.loads(msg.data))), late)
        self.commands = g.node.create_publisher(Twist, 'cmd_vel', 10)

    def get(self, topic):
        return [msg for _, msg in self.heard.get(topic, ())]

    def speed(self):
        return self.get('odom')[-1].twist.twist.linear.x

    def wait(self, topic, count=1, seconds=20.0):
        have = len(self.get(topic))
        wait_for(lambda: len(self.get(topic)) >= have + count, seconds, f'{count} x {topic}')
        return self.get(topic)


def sim(g, **parameters):
    args = [item for name, value in parameters.items() for item in ('-p', f'{name}:={value}')]
    return g.start(*SIM, *args)


def drive(listener, seconds, speed=0.3):
    end = time.monotonic() + seconds
    twist = Twist()
    twist.linear.x = speed
    while time.monotonic() < end:
        listener.commands.publish(twist)
        time.sleep(0.05)
    return time.monotonic() - 0.05


def assert_period(stamps, seconds, g):
    """Check the mean period of stamps, ns; a stalled machine leaves some out."""
    mean = np.diff(stamps).mean() / 1e9
    assert 0.9 * seconds <= mean <= 1.1 * seconds + stalled(g.opened)
