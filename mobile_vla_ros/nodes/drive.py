"""
The drive node: camera and instruction in, velocity commands out, STOP whenever in doubt.

    python -m mobile_vla_ros drive --ros-args -r image:=/camera/image_raw -p armed:=true
"""

import os
import signal
import threading
import time
from typing import NamedTuple

from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.qos import qos_profile_sensor_data, QoSProfile

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Twist, TwistStamped
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from mobile_vla_ros import messages
from mobile_vla_ros.contract import Command, NS, STOP
from mobile_vla_ros.instruction import normalise
from mobile_vla_ros.nodes import compat
from mobile_vla_ros.nodes.annotate import annotate
from mobile_vla_ros.nodes.drive_settings import make_limits, SETTINGS
from mobile_vla_ros.nodes.health import ERROR, Health, OK
from mobile_vla_ros.nodes.newest import NewestWorker
from mobile_vla_ros.nodes.pace import Pace
from mobile_vla_ros.nodes.parameters import check_changes, declare, describe
from mobile_vla_ros.nodes.spin import first_line, run
from mobile_vla_ros.safety import Arming, Guard, Reason

ZEROS_NS = NS  # how long zeros go on after a deactivation
LAST_ZEROS = 4  # at the end of the process
LEVELS = (messages.OK, messages.WARN, messages.ERROR)


class Frame(NamedTuple):
    """An image message with its stamp and the steady time at which it came."""

    msg: object
    stamp_ns: int
    received_ns: int


class DriveNode(LifecycleNode):
    """
    Three threads: the executor's takes messages, one infers, one publishes.

    All of them meet in `self._wake`, the lock of everything mutable. Commands are published
    under it, so that none can overtake a stop.
    """

    def __init__(self, load, **kwargs):
        """Take `load(path or None, backend, threads)`, which returns a policy or raises."""
        super().__init__('drive', **kwargs)
        self.exit_status = 0
        self._load = load
        self._values = declare(self, SETTINGS)
        make_limits(self._values)
        self._wake = threading.Condition(threading.RLock())
        self._arming = Arming()  # outlives activations: a latched stop is not forgotten
        self._policy = None
        self._health = Health()
        self._guard = self._make_guard()
        self._instruction = ''
        self._active = self._closed = False
        self._clear()
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self.create_service(SetBool, '~/arm', self._on_arm)
        self.create_service(Trigger, '~/stop', self._on_stop)
        self.create_service(Trigger, '~/reset', self._on_reset)
        # ROS time may stand still or jump; watching must not.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(0.4, self._inspect, clock=steady)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._output = threading.Thread(target=self._run_output, name='output', daemon=True)
        self._output.start()

    def start(self) -> bool:
        """Configure and activate, unless a lifecycle manager does; False if that fails."""
        if not self._values['autostart']:
            return True
        good = TransitionCallbackReturn.SUCCESS
        return self.trigger_configure() == good and self.trigger_activate() == good

    def close(self):
        """Send the last zeros and let go of everything; callable from any thread."""
        with self._wake:
            speaking = self._active or time.monotonic_ns() < self._zeros_until_ns
            self._active, self._closed = False, True
            self._wake.notify_all()
            for _ in range(LAST_ZEROS if speaking else 0):
                self._commands.publish(self._command_msg(STOP))
                time.sleep(0.02)
        if speaking:
            compat.wait_for_acks(self._commands, 0.1)
        if self._worker:
            self._worker.stop(0.1)

    # -- lifecycle

    def on_configure(self, state):
        """Load the policy, then open the topics; FAILURE if it does not load."""
        values = self._values
        try:
            self._policy = self._load_policy(values['checkpoint'])
        except Exception as error:  # whatever a backend raises: the node must say it and stay
            self.get_logger().error(f'no policy: {first_line(error)}')
            return TransitionCallbackReturn.FAILURE
        self.get_logger().info(
            f'policy sha256 {self._policy.sha256}, backend {self._policy.backend}')
        mismatch = self._health.mismatches.__setitem__
        kind, topic, self._decode = {
            'raw': (Image, 'image', messages.image_to_rgb),
            'compressed': (CompressedImage, 'image/compressed', messages.compressed_to_rgb),
        }[values['image_transport']]
        self._commands = compat.create_publisher(
            self, TwistStamped if values['stamped'] else Twist, 'cmd_vel', QoSProfile(depth=1),
            lambda policy: mismatch('cmd_vel', policy))
        if values['annotate']:
            self._annotated = self.create_publisher(
                Image, 'image_annotated', QoSProfile(depth=1))
        newest = QoSProfile(depth=1, reliability=qos_profile_sensor_data.reliability)
        self._images = compat.create_subscription(
            self, kind, topic, self._on_image, newest,
            lambda policy: mismatch(self._images.topic_name, policy))
        self._instructions = compat.create_subscription(
            self, String, 'instruction', self._on_instruction, QoSProfile(depth=1),
            lambda policy: mismatch('instruction', policy))
        self._image_type = f'sensor_msgs/msg/{kind.__name__}'
        self._worker = NewestWorker(self._infer)
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state):
        """Begin to publish; disarmed, unless the parameter `armed` says otherwise."""
        now_ns = time.monotonic_ns()
        with self._wake:
            self._guard = self._make_guard()
            self._frame = None
            if self._values['armed']:
                self._arming.arm()
            self._guard.instruct(self._instruction or normalise(self._values['instruction']),
                                 now_ns)
            self._pace = Pace(int(NS / self._values['rate']), now_ns)
            self._active = True
            self._wake.notify_all()
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state):
        """Send zero now, more zeros for a second, then nothing."""
        self._quiet()
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state):
        """Close the topics and drop the policy."""
        self._quiet()
        if self._worker:
            self._worker.stop(1.0)
        with self._wake:
            entities = (self._images, self._instructions, self._commands, self._annotated)
            self._clear()
            self._policy = None
        for entity, destroy in zip(entities, [self.destroy_subscription] * 2
                                   + [self.destroy_publisher] * 2):
            if entity is not None:
                destroy(entity)
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state):
        """Stop; the process ends by a signal."""
        self._quiet()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state):
        """Stop and return to unconfigured."""
        return self.on_cleanup(state)

    def _quiet(self):
        with self._wake:
            if self._active:
                self._active = False
                self._arming.disarm()
                self._instruction = ''
                now_ns = time.monotonic_ns()
                self._zeros_until_ns = now_ns + ZEROS_NS
                self._emit(now_ns)
                self._wake.notify_all()

    def _clear(self):
        self._images = self._instructions = self._commands = self._annotated = None
        self._worker = self._frame = self._paced = None
        self._image_type = ''
        self._pace = Pace(NS, 0)
        self._reason = Reason.INACTIVE
        self._planned_for = None  # (policy, instruction) since its last reset
        self._zeros_until_ns = 0
        self._urgent = self._changed = False
        self._told_ns = self._logged_ns = 0
        self._logged = None
        self._last = STOP  # what was published

    def _make_guard(self) -> Guard:
        values = self._values
        return Guard(make_limits(values), int(values['image_timeout'] * NS),
                     int(values['instruction_ttl'] * NS), values['max_failures'], self._arming)

    def _load_policy(self, path: str):
        more = {} if self._values['device'] == 'cpu' else {'device': self._values['device']}
        return self._load(path or None, self._values['backend'], self._values['threads'], **more)

    # -- messages in (executor's thread)

    def _on_image(self, msg):
        now_ns = time.monotonic_ns()
        stamp_ns = messages.to_ns(msg.header.stamp) or now_ns  # some drivers do not stamp
        offset_ns = stamp_ns - self.get_clock().now().nanoseconds
        with self._wake:
            if not self._active:
                return
            accepted = self._guard.frame(stamp_ns, now_ns)
            self._health.frame(now_ns, offset_ns, accepted)
            if accepted:
                self._frame = Frame(msg, stamp_ns, now_ns)
                self._worker.offer(self._frame)

    def _on_instruction(self, msg):
        text = normalise(msg.data)
        with self._wake:
            self._instruction = text
            if self._active and self._guard.instruct(text, time.monotonic_ns()):
                if not text:
                    self._be_urgent()
                elif self._frame:
                    self._worker.again(self._frame)  # don't wait for the next one

    def _on_arm(self, request, response):
        with self._wake:
            if not request.data:
                self._arming.disarm()
                response.success, response.message = True, 'disarmed'
            elif not self._active:
                response.message = f'{Reason.INACTIVE.text}: {Reason.INACTIVE.way_out}'
            elif self._guard.faulted:
                response.message = f'{Reason.FAULT.text}: {Reason.FAULT.way_out}'
            elif self._arming.arm():
                response.success, response.message = True, 'armed'
            else:
                response.message = f'{Reason.STOPPED.text}: {Reason.STOPPED.way_out}'
            self._be_urgent()
        return response

    def _on_stop(self, request, response):
        with self._wake:
            self._arming.stop()
            self._be_urgent()
        response.success, response.message = True, Reason.STOPPED.way_out
        return response

    def _on_reset(self, request, response):
        with self._wake:
            self._guard.reset()
            self._be_urgent()
        response.success, response.message = True, 'disarmed; call ~/arm to drive'
        return response

    def _on_set_parameters(self, parameters):
        try:
            changes = check_changes(SETTINGS, parameters)
            live = {setting.name for setting in SETTINGS if setting.live}
            for name in changes:
                if self._policy is not None and name not in live:
                    raise ValueError(f'parameter {name} is taken at configure: deactivate and '
                                     f'clean up the node before setting {changes[name]!r}')
            values = {**self._values, **changes}
            limits = make_limits(values)
            policy = self._policy
            if policy is not None and 'checkpoint' in changes:
                policy = self._load_policy(changes['checkpoint'])
        except Exception as error:  # also whatever a backend raises for a file
            return SetParametersResult(successful=False, reason=first_line(error))
        with self._wake:
            self._values = values
            self._guard.set_limits(limits)
            self._guard.watchdog.timeout_ns = int(values['image_timeout'] * NS)
            self._guard.instruction_ttl_ns = int(values['instruction_ttl'] * NS)
            if policy is not self._policy:
                self._policy = policy
                self._arming.disarm()  # another model drives only after another deliberate act
                self._guard.flush()
                self._be_urgent()
        return SetParametersResult(successful=True)

    # -- inference (its own thread)

    def _infer(self, worker, frame):
        try:
            rgb = self._decode(frame.msg)
        except Exception as error:  # a MessageError, unless a codec has a surprise
            with self._wake:
                self._guard.unreadable()
                self._health.reject(getattr(error, 'kind', 'codec'), first_line(error))
            return
        with self._wake:
            guard, policy, instruction = self._guard, self._policy, self._guard.instruction
            before = self._health.frozen
            frozen = self._health.picture(rgb, frame.received_ns)
            self._block(Reason.FROZEN, frozen and self._values['stop_on_frozen_image'])
            self._changed |= frozen != before
        if not instruction or guard.faulted or policy is None:
            return
        plan = error = None
        started = time.perf_counter()
        try:
            if self._planned_for != (id(policy), instruction):
                policy.reset()
                self._planned_for = (id(policy), instruction)
            plan = policy.plan(rgb, instruction, frame.stamp_ns)
        except Exception as raised:  # whatever a model raises, the base must stop
            error = f'{type(raised).__name__}: {first_line(raised)}'
        took_ms = 1e3 * (time.perf_counter() - started)
        now_ns = time.monotonic_ns()
        with self._wake:
            if worker.stopped or policy is not self._policy or guard is not self._guard:
                return  # it hung, and the world went on without it
            self._health.inference_ms.append(took_ms)
            if error:
                guard.failed(error)
            good = plan is not None and guard.plan(
                plan, instruction, frame.stamp_ns, frame.received_ns)
            if not good:
                self._be_urgent()
            elif self._active and frame is not self._paced:  # planned anew: waits for its turn
                self._paced = frame
                if self._pace.arrived(now_ns):
                    self._emit(now_ns)
                    self._health.latency_ms.append(
                        (time.monotonic_ns() - frame.received_ns) / 1e6)
        if good and self._annotated and self._annotated.get_subscription_count():
            picture = annotate(rgb, plan.at(frame.stamp_ns), instruction)
            self._annotated.publish(messages.to_image(
                picture, frame.stamp_ns, frame.msg.header.frame_id))

    # -- commands out (output thread, and whoever has news, under the lock)

    def _run_output(self):
        try:
            self._output_loop()
        except Exception as error:  # no output, no node: end as by a signal
            self.get_logger().fatal(f'output failed: {type(error).__name__}: {first_line(error)}')
            self.exit_status = 1
            os.kill(os.getpid(), signal.SIGTERM)

    def _output_loop(self):
        while True:
            with self._wake:
                if self._closed:
                    return
                self._wait_or_emit(time.monotonic_ns())
                tell, self._changed = self._changed, False
            if tell:
                self._tell()

    def _wait_or_emit(self, now_ns: int):
        if not self._active and now_ns >= self._zeros_until_ns:
            if not self._changed:
                self._wake.wait()
            return
        due_ns = self._pace.wake_ns
        if self._active:
            due_ns = min(due_ns, self._guard.deadline_ns() or due_ns)
        if self._urgent or now_ns >= due_ns:
            self._urgent = False
            self._emit(now_ns)
        elif not self._changed:
            self._wake.wait((due_ns - now_ns) / NS)

    def _be_urgent(self):
        """Let a STOP out at once, and news be told; a command waits for its turn."""
        if self._active and self._last != STOP:
            self._urgent = self._guard.reason(time.monotonic_ns()) is not Reason.DRIVING
        self._wake.notify_all()

    def _emit(self, now_ns: int):
        if self._active:
            command, reason = self._guard.tick(now_ns)
        else:
            command, reason = STOP, Reason.INACTIVE
        self._commands.publish(self._command_msg(command))
        self._last = command
        self._pace.sent(now_ns)
        if reason is not self._reason:
            self._reason, self._changed = reason, True
            self._wake.notify_all()

    def _command_msg(self, command: Command):
        if not self._values['stamped']:
            return messages.to_twist(command)
        return messages.to_twist_stamped(
            command, self.get_clock().now().nanoseconds, self._values['frame_id'])

    # -- diagnostics

    def _block(self, reason: Reason, blocked: bool):
        (self._guard.blocks.add if blocked else self._guard.blocks.discard)(reason)

    def _inspect(self):
        """Look at the graph; tell once a second, and at once what is new."""
        now_ns = time.monotonic_ns()
        publishers, rivals = [], []
        if self._images is not None:
            publishers = [(info.node_name, info.topic_type) for info in
                          self.get_publishers_info_by_topic(self._images.topic_name)]
            mine = (self.get_name(), self.get_namespace())
            everyone = [(info.node_name, info.node_namespace) for info in
                        self.get_publishers_info_by_topic(self._commands.topic_name)]
            if mine in everyone:
                everyone.remove(mine)
            rivals = sorted(name for name, _ in everyone)
        with self._wake:
            changed = bool(rivals) != bool(self._health.rivals)
            self._health.graph(publishers, rivals, now_ns)
            self._block(Reason.CONTENDED, bool(rivals) and self._values['exclusive'])
        if changed or now_ns - self._told_ns >= NS:
            self._tell()

    def _tell(self):
        """Publish the diagnostics, and log the reason if it is another one."""
        now_ns = time.monotonic_ns()
        with self._wake:
            policy = {} if self._policy is None else {
                'checkpoint sha256': self._policy.sha256, 'backend': self._policy.backend}
            statuses = self._health.statuses(
                self.get_fully_qualified_name().lstrip('/'),
                self._images.topic_name if self._images else 'image', self._image_type, now_ns,
                self._active, self._reason, self._guard.error if self._guard.failures else '',
                policy)
            self._told_ns = now_ns
            reason = self._reason
            news = reason is not self._logged and (
                Reason.DRIVING in (reason, self._logged) or now_ns - self._logged_ns >= NS)
            if news:
                self._logged, self._logged_ns = reason, now_ns
        self._diagnostics.publish(messages.to_diagnostics(
            [(name, LEVELS[level], words, values) for name, level, words, values in statuses],
            self.get_clock().now().nanoseconds))
        if news:
            _, level, words, _ = statuses[0]
            if level == OK:  # rclpy wants one severity per line of code
                self.get_logger().info(words)
            elif level == ERROR:
                self.get_logger().error(words)
            else:
                self.get_logger().warning(words)


def load_default(*args, **kwargs):
    """Load a policy; imported late, so that a bad argument is told of at once."""
    from mobile_vla_ros.policy import load_policy
    return load_policy(*args, **kwargs)


def main(argv=None, load=load_default) -> int:
    """Run the node until a signal comes."""
    return run(lambda: DriveNode(load), argv, f'{__doc__}\nParameters:\n{describe(SETTINGS)}')
