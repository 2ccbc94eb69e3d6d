"""
The sim node: a simulated base with a camera, where no real one is needed.

    python -m mobile_vla_ros sim --ros-args -p seed:=2000007 -p color:=red -p side:=left
"""

import json
import math
import os
import signal
from typing import Any, TYPE_CHECKING

import numpy as np
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Odometry
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan
from std_msgs.msg import String
from std_srvs.srv import Trigger

from mobile_vla_ros import messages
from mobile_vla_ros.contract import CAMERA_FRAME, LASER_FRAME
from mobile_vla_ros.errors import first_line, summary_of
from mobile_vla_ros.instruction import normalise
from mobile_vla_ros.nodes.parameters import declare, describe, refuse_all_but, Setting
from mobile_vla_ros.nodes.rivals import Rivals
from mobile_vla_ros.nodes.spin import run
from mobile_vla_ros.sim import language
from mobile_vla_ros.sim.realtime import Sensor, State, World
from mobile_vla_ros.sim.scenario import make_scenario, Scenario, SIDES
from mobile_vla_ros.sim.unknown import refuse_unknown
from mobile_vla_ros.sim.verdict import verdict

if TYPE_CHECKING:
    from mobile_vla_ros.sim.simulator import Simulator

try:
    from tf2_msgs.msg import TFMessage
except ImportError:  # no wheel has it; odometry has the same pose
    TFMessage = None

SCAN_NEAR, SCAN_REACH = 0.05, 8.0  # m; what is nearer is within the base
SCENE = ('seed', 'side', 'color', 'instruction')
SETTINGS = (
    Setting('seed', 2_000_000, 'Number of the scene; no policy was trained on those from '
            '2000000 on; taken at ~/reset', 0, 2**31 - 1, live=True),
    Setting('side', '', 'Side on which to pass; empty: as the instruction says, or the scene; '
            'taken at ~/reset', choices=('', *SIDES), live=True),
    Setting('color', '', 'Colour of the target bottle; empty: as the instruction says, or the '
            'scene; taken at ~/reset', live=True),
    Setting('instruction', '', 'The task in words, English or Korean; empty: made from side and '
            'color; taken at ~/reset', live=True),
    Setting('width', 640, 'Image width in pixels', 16, 4096),
    Setting('height', 480, 'Image height in pixels', 16, 2160),
    Setting('camera_rate', 20.0, 'Frames per simulated second', 0.5, 50.0),
    Setting('scan_rate', 10.0, 'Laser scans per simulated second, while someone subscribes',
            0.5, 50.0),
    Setting('real_time_factor', 1.0, 'Simulated seconds per second', 0.05, 20.0),
    Setting('command_timeout', 0.2, 'Seconds without a new command after which the base brakes; '
            'it stands 0.3 s later', 0.05, 10.0),
    Setting('stamped', False, 'Take TwistStamped instead of Twist'),
    Setting('clock', True, 'Publish /clock'),
)


def make_task(values: dict[str, Any]) -> tuple[Scenario, list[str]]:
    """
    Return the scenario of checked values, and which of 'side' and 'colour' nobody named.

    :raises ValueError: where the values contradict each other, or name what is unknown or not in
        the scene.
    """
    scenario = make_scenario(values['seed'])
    side, color, text = values['side'], values['color'], normalise(values['instruction'])
    if text:
        asked_side, asked_color = language.parse_instruction(text)
        refuse_unknown(text)
        for name, value, asked in (('side', side, asked_side), ('color', color, asked_color)):
            if value and asked and value != asked:
                raise ValueError(f'parameter {name} is {value!r} but instruction {text!r:.200} '
                                 f'says {asked!r}')
        side, color = side or asked_side, color or asked_color
    unnamed = [name for name, value in (('side', side), ('colour', color)) if not value]
    return scenario.with_task(side or None, color or None, text or None), unnamed


class SimNode(Node):
    """Publishes what the simulated world shows; the commands on cmd_vel move its base."""

    def __init__(self) -> None:
        """Read parameters and open the topics; the world starts with `start`."""
        super().__init__('sim')
        self.exit_status = 0
        self._values = values = declare(self, SETTINGS, self._take)
        self._scenario, self._unnamed = make_task(values)
        camera = QoSProfile(depth=1)  # reliable, which every kind of subscriber can take
        self._images = self.create_publisher(Image, 'image', camera)
        self._jpegs = self.create_publisher(CompressedImage, 'image/compressed', camera)
        self._infos = self.create_publisher(CameraInfo, 'camera_info', camera)
        self._scans = self.create_publisher(LaserScan, 'scan', QoSProfile(depth=1))
        self._odometry = self.create_publisher(Odometry, 'odom', 10)
        self._clock_out = self.create_publisher(Clock, '/clock', 10) if values['clock'] else None
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._tf = self._mounts = None
        if TFMessage:
            self._tf = self.create_publisher(TFMessage, '/tf', 10)
            self._mounts = self.create_publisher(TFMessage, '/tf_static', latched)
        self._outcomes = self.create_publisher(String, '~/outcome', latched)
        self.create_subscription(TwistStamped if values['stamped'] else Twist, 'cmd_vel',
                                 self._on_command, 10)
        self.create_service(Trigger, '~/reset', self._on_reset)
        self._matrix = np.eye(3)  # of the camera, in pixels; every scene has another
        self._rivals = Rivals(self, values['clock'], self._on_rival)
        self._ended_episode: int | None = None  # the last one whose end was logged
        self._world = World(
            self._make_simulator, self._scenario, (
                Sensor(values['camera_rate'], self._watched, lambda sim: sim.render(),
                       self._on_frame),
                Sensor(values['scan_rate'], self._scans.get_subscription_count,
                       lambda sim: sim.scan(), self._on_scan)),
            values['real_time_factor'], values['command_timeout'], self._on_scene,
            self._on_state, self._on_outcome, self._on_death)

    def start(self) -> bool:
        """Start the world; return False if it does not start, or another one publishes already."""
        self._world.begin()  # it publishes nothing before `go`
        executor = SingleThreadedExecutor()
        executor.add_node(self)
        alone = self._rivals.is_alone(lambda seconds: executor.spin_once(timeout_sec=seconds))
        executor.remove_node(self)
        if not alone:
            self.get_logger().fatal(f'not started: {self._rivals.complaint}')
            self._world.stop(20.0)  # to end while it makes its simulator would crash
            return False
        if not self._world.go(30.0):
            self.get_logger().fatal(f'no simulator: {first_line(self._world.error or "timeout")}')
            return False
        self.get_logger().info(self._describe())
        return True

    def close(self) -> None:
        """End the world."""
        self._world.stop(0.5)

    def _make_simulator(self) -> 'Simulator':
        from mobile_vla_ros.sim.simulator import Simulator  # late: a bad seed is refused first
        simulator = Simulator(self._values['width'], self._values['height'])
        simulator.reset(self._scenario)
        simulator.render()  # here, a missing display is an error and not a stall
        return simulator

    def _describe(self) -> str:
        scenario = self._scenario
        unnamed = f' ({" and ".join(self._unnamed)} of the scene, none was named)' \
            if self._unnamed else ''
        return (f'scene {scenario.seed}: pass {scenario.side}, {scenario.color} bottle{unnamed}: '
                f'{scenario.instruction}')

    # -- called in the thread of the world

    def _on_scene(self, simulator: 'Simulator', stamp_ns: int) -> None:
        """Publish where the sensors sit: the camera's mount differs a little in every scene."""
        from mobile_vla_ros.sim.world import SCANNER
        self._matrix = simulator.camera_matrix
        if self._mounts:
            position, rotation = simulator.camera_pose
            self._mounts.publish(TFMessage(transforms=[
                messages.to_mount(position, rotation, CAMERA_FRAME, stamp_ns),
                messages.to_mount((0.0, 0.0, SCANNER), (0.0, 0.0, 0.0, 1.0), LASER_FRAME,
                                  stamp_ns)]))

    def _on_state(self, state: State) -> None:
        self._rivals.note_own(state.stamp_ns)
        odometry = messages.to_odometry(state.pose, state.velocity, state.stamp_ns)
        self._odometry.publish(odometry)
        if self._clock_out:
            self._clock_out.publish(Clock(clock=odometry.header.stamp))
        if self._tf:
            self._tf.publish(TFMessage(transforms=[messages.to_transform(odometry)]))

    def _watched(self) -> bool:
        return bool(self._images.get_subscription_count() or self._jpegs.get_subscription_count())

    def _on_frame(self, rgb: np.ndarray, state: State) -> None:
        if self._images.get_subscription_count():
            self._images.publish(messages.to_image(rgb, state.stamp_ns, CAMERA_FRAME))
        if self._jpegs.get_subscription_count():
            self._jpegs.publish(messages.to_compressed(rgb, state.stamp_ns, CAMERA_FRAME))
        self._infos.publish(messages.to_camera_info(
            self._matrix, rgb.shape[1], rgb.shape[0], state.stamp_ns, CAMERA_FRAME))

    def _on_scan(self, ranges: np.ndarray, state: State) -> None:
        self._scans.publish(messages.to_laser_scan(
            ranges, -math.pi, 2.0 * math.pi / len(ranges), SCAN_REACH, state.stamp_ns,
            LASER_FRAME, SCAN_NEAR, 1.0 / self._values['scan_rate']))

    def _on_outcome(self, episode: int, scenario: Scenario, outcome: dict[str, Any]) -> None:
        task = {name: getattr(scenario, name) for name in (
            'seed', 'side', 'color', 'instruction', 'distance', 'orientation', 'box_count')}
        self._outcomes.publish(String(data=json.dumps(
            {'episode': episode, 'task': task, 'outcome': outcome}, ensure_ascii=False)))
        if outcome['done'] and episode != self._ended_episode:
            self._ended_episode = episode
            text = f'episode {episode} {verdict(scenario, outcome)}'
            if outcome['success']:  # rclpy wants one severity per line of code
                self.get_logger().info(text)
            else:
                self.get_logger().warning(text)

    def _on_death(self, error: Exception) -> None:
        self.get_logger().fatal(f'simulator failed: {summary_of(error)}')
        self.exit_status = 1
        os.kill(os.getpid(), signal.SIGTERM)

    # -- called in the executor

    def _on_rival(self, complaint: str) -> None:
        self.get_logger().fatal(f'ended: {complaint}')
        self.exit_status = 1
        os.kill(os.getpid(), signal.SIGTERM)

    def _on_command(self, msg: Any) -> None:
        try:
            self._world.command(messages.to_command(msg))
        except messages.MessageError as error:
            self.get_logger().warning(f'command dropped: {error}', throttle_duration_sec=1.0)

    def _on_reset(self, request: Any, response: Any) -> Any:
        try:
            scenario, unnamed = make_task(self._values)
        except ValueError as error:
            response.message = f'{first_line(error)}; the scene stays as it is'
            return response
        self._scenario, self._unnamed = scenario, unnamed
        response.success = self._world.reset(scenario, 5.0)
        response.message = self._describe() if response.success else 'no answer within 5 s'
        if response.success:
            self.get_logger().info(response.message)
        return response

    def _take(self, changes: dict[str, Any]) -> None:
        refuse_all_but(SCENE, changes)
        values = {**self._values, **changes}
        make_task(values)
        self._values = values


def main(argv: list[str] | None = None) -> int:
    """Run the node until a signal comes."""
    return run(SimNode, argv, f'{__doc__}\nParameters:\n{describe(SETTINGS)}',
               'sim', SETTINGS)
