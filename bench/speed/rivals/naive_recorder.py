"""
A plain recording script: whole messages into Python, serialised again, an MCAP writer.

    python -m bench.speed.rivals.naive_recorder OUT.mcap
"""

import sys
import time

from geometry_msgs.msg import Twist
from mcap.writer import Writer
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from bench.speed.rivals import until_signal


def main() -> int:
    """Record until a signal comes."""
    until_signal.start()
    node = rclpy.create_node('naive_recorder')
    with open(sys.argv[1], 'wb') as file:
        writer = Writer(file)
        writer.start('ros2')
        for kind, topic, qos in ((Image, 'image', qos_profile_sensor_data),
                                 (Twist, 'cmd_vel', 10)):
            schema = writer.register_schema(kind.__name__, 'ros2msg', b'')
            channel = writer.register_channel(topic, 'cdr', schema)

            def note(msg, channel=channel):
                now_ns = time.time_ns()
                writer.add_message(channel, now_ns, serialize_message(msg), now_ns)
            node.create_subscription(kind, topic, note, qos)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        until_signal.spin(executor)
        writer.finish()
    return 0


if __name__ == '__main__':
    sys.exit(main())
