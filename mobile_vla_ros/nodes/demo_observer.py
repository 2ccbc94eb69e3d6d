"""The demo's own node: publishes the instruction, and notes what the other nodes publish."""

import contextlib
import json
import math
import threading
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, qos_profile_sensor_data, QoSProfile
from rclpy.signals import SignalHandlerOptions

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

from mobile_vla_ros import messages
from mobile_vla_ros.sim.trace import Trace


class DemoObserver:
    """
    Fills a Trace in a thread of its own; frames are kept as they arrive, without a copy.

    `state` is what the drive node's diagnostics say of its control, '' before the first.
    `latency_ms` is their (p50, p99) of the time from a frame's arrival to its command.
    `side` is the one on which the boxes were passed.
    """

    def __init__(self, trace: Trace, domain: int) -> None:
        """Join the domain and listen."""
        self.trace = trace
        self.state = ''
        self.latency_ms: tuple[float | None, float | None] = (None, None)
        self.side: str | None = None
        self._episode: int | None = None  # the simulator's number of the one that is noted
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain,
                   signal_handler_options=SignalHandlerOptions.NO)
        self._node = node = rclpy.create_node('demo', context=self._context)
        node.create_subscription(Image, 'image', self._on_image, qos_profile_sensor_data)
        node.create_subscription(Odometry, 'odom', self._on_odometry, 10)
        node.create_subscription(Twist, 'cmd_vel', self._on_command, 10)
        node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        node.create_subscription(String, 'sim/outcome', self._on_outcome, QoSProfile(
            depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
        self._instructions = node.create_publisher(String, 'instruction', QoSProfile(depth=1))
        self._reset: Any = node.create_client(Trigger, 'sim/reset')
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(node)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._spin, name='observer', daemon=True)
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Tell whether pictures and odometry arrive, and the drive node is active."""
        return bool(self.trace.images and self.trace.poses
                    and self._reset.service_is_ready()
                    and self._instructions.get_subscription_count()
                    and self.state and 'not active' not in self.state)

    def reset(self) -> Any:
        """Ask the simulator to begin anew; return the answer's future."""
        self._episode = 1
        return self._reset.call_async(Trigger.Request())

    def say(self, instruction: str) -> None:
        """Publish the instruction."""
        self._instructions.publish(String(data=instruction))

    def close(self) -> None:
        """Leave the domain."""
        self._ending.set()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def _spin(self) -> None:
        # Not spin(): shutdown() destroys what a spinning executor waits for, which crashes.
        with contextlib.suppress(ExternalShutdownException):
            while not self._ending.is_set():
                self._executor.spin_once(timeout_sec=0.05)

    def _on_image(self, msg: Image) -> None:
        self.trace.images.append(
            (messages.to_ns(msg.header.stamp), messages.image_to_rgb(msg)))

    def _on_odometry(self, msg: Odometry) -> None:
        pose, twist = msg.pose.pose, msg.twist.twist
        self.trace.poses.append((messages.to_ns(msg.header.stamp), (
            pose.position.x, pose.position.y,
            2.0 * math.atan2(pose.orientation.z, pose.orientation.w),
            math.hypot(twist.linear.x, twist.linear.y))))

    def _on_command(self, msg: Twist) -> None:
        # A Twist has no stamp: it counts from the simulated time at which it arrived.
        self.trace.commands.append((self.trace.now_ns, messages.to_command(msg)))

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            if status.name == 'drive: control':
                self.state = status.message
                values = {item.key: item.value for item in status.values}
                figures = values.get('latency_ms_p50_p99', 'none').split()
                if len(figures) == 2:
                    self.latency_ms = float(figures[0]), float(figures[1])

    def _on_outcome(self, msg: String) -> None:
        report = json.loads(msg.data)
        task, scenario = report['task'], self.trace.scenario
        mine = all(task[name] == getattr(scenario, name) for name in ('seed', 'side', 'color'))
        if mine and report['episode'] == self._episode:
            self.side = report['outcome']['side']
            self.trace.outcome = report['outcome']
