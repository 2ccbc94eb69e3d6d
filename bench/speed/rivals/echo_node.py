"""
The transport's floor: answers every frame by a command at once, and does nothing else.

    python -m bench.speed.rivals.echo_node [--note FILE]

FILE gets a line for every frame: the steady time in s at which it came, and its code.
"""

import argparse
import sys
import time

from geometry_msgs.msg import Twist
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from bench.speed.latency import STEP
from bench.speed.rivals import until_signal


def main() -> int:
    """Answer until a signal comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--note')
    note = parser.parse_args().note
    until_signal.start()
    node = rclpy.create_node('echo')
    commands = node.create_publisher(Twist, 'cmd_vel', 1)
    came = []

    def answer(msg):
        at = time.monotonic()
        twist = Twist()
        twist.linear.x = (msg.data[0] + 1) * STEP
        commands.publish(twist)
        came.append(f'{at} {msg.data[0]}\n')

    node.create_subscription(Image, 'image', answer, qos_profile_sensor_data)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    until_signal.spin(executor)
    if note:
        with open(note, 'w', encoding='utf-8') as file:
            file.writelines(came)
    return 0


if __name__ == '__main__':
    sys.exit(main())
