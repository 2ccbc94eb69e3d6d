"""
The drive node: camera and instruction in, velocity commands out, STOP whenever in doubt.

    python -m mobile_vla_ros drive --ros-args -r image:=/camera/image_raw -p armed:=true
"""

from collections.abc import Callable
import threading
import time
from typing import Any

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.qos import qos_profile_sensor_data, QoSProfile

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Twist, TwistStamped
from sensor_msgs.msg import CompressedImage, Image, LaserScan
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from mobile_vla_ros import load_policy, messages
from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.control.health import UNSTAMPED
from mobile_vla_ros.control.pilot import Pilot
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.control.status import ERROR, OK
from mobile_vla_ros.errors import first_line
from mobile_vla_ros.instruction import normalise
from mobile_vla_ros.nodes import compat
from mobile_vla_ros.nodes.annotate import annotate
from mobile_vla_ros.nodes.drive_settings import make_config, SETTINGS, turned_off
from mobile_vla_ros.nodes.parameters import declare, describe
from mobile_vla_ros.nodes.spin import run
from mobile_vla_ros.preprocessing import IMAGE

LEVELS = (messages.OK, messages.WARN, messages.ERROR)
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class DriveNode(LifecycleNode):
    """The ROS side of a Pilot: parameters, topics, services, lifecycle, diagnostics."""

    def __init__(self, load: Callable[..., Any], **kwargs: Any) -> None:
        """Take `load(path or None, backend, threads, device)`: a policy, or it raises."""
        super().__init__('drive', **kwargs)
        self._load = load
        self._values = declare(self, SETTINGS, self._take)
        closed: Any = None  # a subscription or publisher while the node is not configured
        self._images = self._instructions = self._scans = closed
        self._commands = self._annotated = self._plans = closed
        self._image_type = ''
        self._reporting = threading.Lock()
        self._reported_ns = self._logged_ns = 0
        # Of the steady clock, by the node's clock; for unstamped frames.
        self._steady_zero_ns: int | None = None
        self._logged: Reason | None = None
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._pilot = Pilot(make_config(self._values), self._report)
        self.create_service(SetBool, '~/arm', self._on_arm)
        self.create_service(Trigger, '~/stop', self._on_stop)
        self.create_service(Trigger, '~/reset', self._on_reset)
        # ROS time may stand still or jump; watching must not.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(0.4, self._inspect, clock=steady)

    @property
    def exit_status(self) -> int:
        """Return the status with which the process ends."""
        return int(self._pilot.failed)

    def start(self) -> bool:
        """Configure and activate, unless a lifecycle manager does; return False if that fails."""
        return not self._values['autostart'] or (
            self.trigger_configure() == SUCCESS and self.trigger_activate() == SUCCESS)

    def close(self) -> None:
        """Send the last zeros and release everything; callable from any thread."""
        if self._pilot.shutdown():
            compat.wait_for_acks(self._commands, 0.1)

    # -- lifecycle

    def on_configure(self, state: Any) -> TransitionCallbackReturn:
        """Load the policy, then open the topics; return FAILURE if it does not load."""
        try:
            policy = self._load_policy(self._values['checkpoint'])
        except Exception as error:  # whatever a backend raises: the node says it and stays
            self.get_logger().error(f'no policy: {first_line(error)}')
            return FAILURE
        self.get_logger().info(f'policy sha256 {policy.sha256}, backend {policy.backend}')
        if needed := turned_off(policy.metadata.data, self._values['limits.velocity']):
            self.get_logger().warning(
                f'the drives that this policy learned from use {needed}, which limits.velocity '
                'turns off here: most likely it cannot drive this base; teach it by drives of '
                'this base')
        self._open_topics(policy)
        return SUCCESS

    def on_activate(self, state: Any) -> TransitionCallbackReturn:
        """Begin to publish; disarmed, unless the parameter `armed` says otherwise."""
        values = self._values
        self._pilot.activate(make_config(values), values['rate'],
                             normalise(values['instruction']), values['armed'])
        self._pilot.stop_on_frozen(values['stop_on_frozen_image'])
        return SUCCESS

    def on_deactivate(self, state: Any) -> TransitionCallbackReturn:
        """Send zero now, more zeros for a second, then nothing."""
        self._pilot.deactivate()
        return SUCCESS

    def on_cleanup(self, state: Any) -> TransitionCallbackReturn:
        """Close the topics and drop the policy."""
        self._pilot.cleanup()
        compat.wait_for_acks(self._commands, 0.1)
        for entity in (self._images, self._instructions, self._scans):
            if entity is not None:
                self.destroy_subscription(entity)
        for entity in (self._commands, self._annotated, self._plans):
            if entity is not None:
                self.destroy_publisher(entity)
        self._images = self._instructions = self._commands = self._annotated = None
        self._scans = self._plans = None
        return SUCCESS

    def on_shutdown(self, state: Any) -> TransitionCallbackReturn:
        """Stop; the process ends by a signal."""
        self._pilot.deactivate()
        return SUCCESS

    def on_error(self, state: Any) -> TransitionCallbackReturn:
        """Stop and return to unconfigured."""
        return self.on_cleanup(state)

    def _open_topics(self, policy: Any) -> None:
        values = self._values
        kind, topic, decode = {
            'raw': (Image, 'image', messages.image_to_rgb),
            'compressed': (CompressedImage, 'image/compressed',
                           lambda msg: messages.compressed_to_rgb(msg, IMAGE)),
        }[values['image_transport']]
        self._image_type = f'sensor_msgs/msg/{kind.__name__}'
        self._commands = compat.create_publisher(
            self, TwistStamped if values['stamped'] else Twist, 'cmd_vel', QoSProfile(depth=1),
            self._on_mismatch)
        if values['annotate']:
            self._annotated = self.create_publisher(Image, 'image_annotated', QoSProfile(depth=1))
        if values['publish_plan']:
            self._plans = self.create_publisher(TwistStamped, '~/plan', QoSProfile(depth=100))
        self._pilot.configure(policy, decode, self._publish, self._on_plan)
        newest = QoSProfile(depth=1, reliability=qos_profile_sensor_data.reliability)
        self._images = compat.create_subscription(
            self, kind, topic, self._on_image, newest, self._on_mismatch)
        self._instructions = compat.create_subscription(
            self, String, 'instruction', self._on_instruction, QoSProfile(depth=1),
            self._on_mismatch)

        if values['obstacle.enabled']:
            self._scans = compat.create_subscription(
                self, LaserScan, 'scan', self._on_scan, newest, self._on_mismatch)

    def _load_policy(self, path: str) -> Any:
        return self._load(path or None, *(self._values[name]
                                          for name in ('backend', 'threads', 'device')))

    # -- messages

    def _on_image(self, msg: Image | CompressedImage) -> None:
        now_ns = time.monotonic_ns()
        stamp_ns = messages.to_ns(msg.header.stamp)
        clock_ns = self.get_clock().now().nanoseconds
        if stamp_ns:
            self._pilot.on_frame(msg, stamp_ns, now_ns, stamp_ns - clock_ns)
            return
        if self._steady_zero_ns is None:  # once: setting the clock must not turn frames back
            self._steady_zero_ns = clock_ns - now_ns
            self.get_logger().warning(f'{self._images.topic_name}: {UNSTAMPED}')
        self._pilot.on_frame(msg, now_ns + self._steady_zero_ns, now_ns, None)

    def _on_scan(self, msg: LaserScan) -> None:
        now_ns = time.monotonic_ns()
        try:
            self._pilot.on_scan(messages.to_scan(msg), now_ns)
        except messages.MessageError as error:
            self._pilot.health.note_bad_scan(str(error))

    def _on_instruction(self, msg: String) -> None:
        self._pilot.on_instruction(normalise(msg.data))

    def _publish(self, command: Command) -> None:
        if self._values['stamped']:
            self._commands.publish(messages.to_twist_stamped(
                command, self.get_clock().now().nanoseconds, self._values['frame_id']))
        else:
            self._commands.publish(messages.to_twist(command))

    def _on_plan(self, frame: Any, rgb: np.ndarray, plan: Any, instruction: str) -> None:
        if self._plans:
            self._plans.publish(messages.to_twist_stamped(
                plan.at(frame.stamp_ns), frame.stamp_ns, self._values['frame_id']))
        if self._annotated and self._annotated.get_subscription_count():
            picture = annotate(rgb, plan.at(frame.stamp_ns), instruction)
            self._annotated.publish(messages.to_image(
                picture, frame.stamp_ns, frame.msg.header.frame_id))

    # -- services and parameters

    def _on_arm(self, request: Any, response: Any) -> Any:
        response.success, response.message = self._pilot.arm(request.data)
        return response

    def _on_stop(self, request: Any, response: Any) -> Any:
        self._pilot.stop()
        response.success, response.message = True, Reason.STOPPED.way_out
        return response

    def _on_reset(self, request: Any, response: Any) -> Any:
        self._pilot.reset()
        self._steady_zero_ns = None
        response.success, response.message = True, 'disarmed; call ~/arm to drive'
        return response

    def _take(self, changes: dict[str, Any]) -> None:
        policy = self._pilot.policy
        live = {setting.name for setting in SETTINGS if setting.live}
        for name in changes:
            if policy is not None and name not in live:
                raise ValueError(f'parameter {name} is taken at configure: deactivate and '
                                 f'clean up the node before setting {changes[name]!r}')
        values = {**self._values, **changes}
        config = make_config(values)
        if policy is not None and 'checkpoint' in changes:
            policy = self._load_policy(changes['checkpoint'])
        self._values = values
        self._pilot.update(config, policy)
        self._pilot.stop_on_frozen(values['stop_on_frozen_image'])

    # -- diagnostics

    def _inspect(self) -> None:
        """Look at the graph; report once a second, and news at once."""
        publishers, rivals = [], []
        if self._images is not None:
            publishers = [(info.node_name, info.topic_type) for info in
                          self.get_publishers_info_by_topic(self._images.topic_name)]
            everyone = [(info.node_name, info.node_namespace) for info in
                        self.get_publishers_info_by_topic(self._commands.topic_name)]
            mine = (self.get_name(), self.get_namespace())
            if mine in everyone:
                everyone.remove(mine)
            rivals = sorted(name for name, _ in everyone)
        news = self._pilot.on_graph(publishers, rivals, self._values['exclusive'])
        news |= self._forget_mismatches()
        if self._images is not None:  # its error must not wait for the next second
            news |= self._pilot.health.note_silence(
                self._images.topic_name, self._image_type, time.monotonic_ns())
        if news or time.monotonic_ns() - self._reported_ns >= NS:
            self._pilot.report()

    def _on_mismatch(self, topic: str, policy: str) -> None:
        self._pilot.health.note_mismatch(topic, policy)
        self._pilot.report()

    def _forget_mismatches(self) -> bool:
        """Forget the QoS mismatches of peers that have left: no event tells of that."""
        health = self._pilot.health
        return health.forget_mismatches(
            [topic for topic in health.mismatches if compat.fits(self, topic)])

    def _report(self) -> None:
        """Publish the diagnostics, and log the reason if it is a new one."""
        reason, statuses = self._pilot.statuses(
            self.get_fully_qualified_name().lstrip('/'),
            self._images.topic_name if self._images else 'image', self._image_type)
        self._diagnostics.publish(messages.to_diagnostics(
            [(name, LEVELS[level], text, values) for name, level, text, values in statuses],
            self.get_clock().now().nanoseconds))
        with self._reporting:  # two threads report
            self._reported_ns = now_ns = time.monotonic_ns()
            # Reasons for a STOP may alternate at every frame; one a second is enough.
            if reason is self._logged or Reason.DRIVING not in (reason, self._logged) \
                    and now_ns - self._logged_ns < NS:
                return
            self._logged, self._logged_ns = reason, now_ns
        _, level, text, _ = statuses[0]
        if level == OK:  # rclpy wants one severity per line of code
            self.get_logger().info(text)
        elif level == ERROR:
            self.get_logger().error(text)
        else:
            self.get_logger().warning(text)


def main(argv: list[str] | None = None, load: Callable[..., Any] = load_policy) -> int:
    """Run the node until a signal comes."""
    return run(lambda: DriveNode(load), argv, f'{__doc__}\nParameters:\n{describe(SETTINGS)}',
               'drive', SETTINGS)
