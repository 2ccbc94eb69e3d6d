"""
The record node: writes episodes to disk as they are driven, and decodes nothing.

    python -m mobile_vla_ros record --ros-args -p folder:=drives -p instruction:='go left'
    ros2 service call /record/start std_srvs/srv/Trigger
"""

from collections.abc import Callable
import json
import os
from pathlib import Path
import signal
import time
from typing import Any, TYPE_CHECKING

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import deserialize_message, serialize_message

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

from mobile_vla_ros import __version__, messages
from mobile_vla_ros.contract import DISTANCES
from mobile_vla_ros.environment import packages
from mobile_vla_ros.errors import first_line
from mobile_vla_ros.instruction import normalise
from mobile_vla_ros.nodes.parameters import declare, describe, refuse_all_but, Setting
from mobile_vla_ros.nodes.spin import run

if TYPE_CHECKING:
    from mobile_vla_ros.data.recorder import Recorder

LABELS = ('instruction', 'scenario', 'distance', 'robot')
SETTINGS = (
    Setting('folder', 'drives', 'Folder in which every episode becomes a rosbag2 folder'),
    Setting('instruction', '', 'What is about to be done, in words; empty: the last message on '
            'instruction', live=True),
    Setting('scenario', '', 'Label of the scene', live=True),
    Setting('distance', '', 'How far the obstacle is',
            choices=('', *DISTANCES), live=True),
    Setting('robot', '', 'Label of the robot', live=True),
    Setting('image_transport', 'raw', 'raw: image; compressed: image/compressed',
            choices=('raw', 'compressed')),
    Setting('stamped', False, 'Commands are TwistStamped instead of Twist'),
    Setting('least_image_rate', 8.0, 'Frames per second below which it warns', 0.0, 1000.0),
    Setting('min_free_mb', 1000.0, 'Megabytes that must stay free; with less the node closes the '
            'file and ends', 0.0, 1e9),
)


def make_recorder(values: dict[str, Any], topics: list[tuple[Any, ...]]) -> 'Recorder':
    """Return the recorder of checked values; each topic is the fields of a `Topic`."""
    packages.require(*packages.RECORD)
    from mobile_vla_ros.data.recorder import Recorder, Topic
    from rosbags.typesys import get_typestore, Stores
    store = get_typestore(Stores.ROS2_HUMBLE)
    return Recorder(Path(values['folder']), [Topic(*row) for row in topics],
                    lambda kind: store.generate_msgdef(kind, ros_version=2)[0],
                    int(values['min_free_mb'] * 2**20))


def type_name(kind: type) -> str:
    """Return the name that ROS 2 has for a message class, such as std_msgs/msg/String."""
    return f'{kind.__module__.split(".")[0]}/msg/{kind.__name__}'


class RecordNode(Node):
    """Writes the messages of its topics while an episode is open."""

    def __init__(self) -> None:
        """Read parameters and open the topics."""
        super().__init__('record')
        self.exit_status = 0
        self._values = values = declare(self, SETTINGS, self._take)
        self._heard = ''  # the last instruction of the topic
        image = ('image', Image) if values['image_transport'] == 'raw' \
            else ('image/compressed', CompressedImage)
        sensor = qos_profile_sensor_data
        twist = TwistStamped if values['stamped'] else Twist
        wanted = (  # topic, type, QoS; then of a Topic: needed, least_hz, always
            (*image, sensor, True, values['least_image_rate'], True),
            ('camera_info', CameraInfo, sensor),
            ('cmd_vel', twist, 10, True),
            ('cmd_vel_joy', twist, 10),  # what the operator did when taking over
            ('odom', Odometry, sensor),
            ('instruction', String, 10),
            ('events', String, 10))
        names = {topic: self.resolve_topic_name(topic) for topic, *_ in wanted}
        self._recorder = make_recorder(values, [(names[topic], type_name(kind), *health)
                                                for topic, kind, _, *health in wanted])
        self._image_topic = names[image[0]]
        self._instruction_topic, self._events_topic = names['instruction'], names['events']
        for topic, kind, qos, *_ in wanted:
            self.create_subscription(kind, topic, self._receiver(names[topic]), qos, raw=True)
        self._status = self.create_publisher(String, '~/status', 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self.create_service(Trigger, '~/start', self._on_start)
        self.create_service(Trigger, '~/keep', lambda _, answer: self._stop(answer, True))
        self.create_service(Trigger, '~/discard', lambda _, answer: self._stop(answer, False))
        self.create_timer(0.5, self._inspect, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def start(self) -> bool:
        """Say where the episodes will be."""
        self.get_logger().info(f'episodes go to {Path(self._values["folder"]).resolve()}')
        return True

    def close(self) -> None:
        """Keep what is being recorded."""
        if self._recorder.recording:
            summary = self._recorder.stop()
            self.get_logger().info(f'kept {summary["episode"]}, {summary["seconds"]} s')

    @property
    def _instruction(self) -> str:
        """Return the instruction of the next episode: the parameter's, else the topic's last."""
        return normalise(self._values['instruction']) or self._heard

    def _receiver(self, topic: str) -> Callable[[bytes], None]:
        def receive(raw: bytes) -> None:
            if topic == self._instruction_topic:
                self._heard = normalise(deserialize_message(raw, String).data)
            self._recorder.offer(topic, time.time_ns(), raw)
        return receive

    def _on_start(self, request: Any, response: Any) -> Any:
        instruction = self._instruction
        if not instruction:
            response.message = 'no instruction: set the parameter, or publish one on ' \
                f'{self._instruction_topic}, and start again'
            return response
        info = {**{name: self._values[name] for name in LABELS}, 'instruction': instruction,
                'package_version': __version__}
        name = time.strftime('%Y-%m-%d_%H-%M-%S')
        try:
            while (Path(self._values['folder']) / name).exists():
                name += '_'
            folder = self._recorder.start(name, info)
        except (RuntimeError, OSError) as error:
            response.message = first_line(error)
            return response
        # Written into the episode too: whoever reads the bag later has nothing else.
        self._recorder.offer(self._instruction_topic, time.time_ns(),
                             serialize_message(String(data=instruction)))
        self._note('start')
        response.success, response.message = True, str(folder)
        return response

    def _stop(self, response: Any, keep: bool) -> Any:
        try:
            if keep:
                self._note('keep')
            summary = self._recorder.stop(keep)
        except (RuntimeError, OSError) as error:
            response.message = first_line(error)
            return response
        response.success = not summary['error']
        response.message = json.dumps(summary)
        return response

    def _note(self, event: str) -> None:
        self._recorder.offer(self._events_topic, time.time_ns(),
                             serialize_message(String(data=event)))

    def _inspect(self) -> None:
        recorder = self._recorder
        troubles = recorder.troubles()
        rates = {topic: round(rate, 1) for topic, rate in recorder.rates().items()}
        state = {'recording': recorder.recording, 'seconds': round(recorder.seconds, 1),
                 'rates': rates, 'troubles': troubles, 'image_hz': rates[self._image_topic],
                 'instruction': self._instruction, 'scenario': self._values['scenario'],
                 'distance': self._values['distance'], 'kept': dict(recorder.kept)}
        self._status.publish(String(data=json.dumps(state, ensure_ascii=False)))
        text = '; '.join(troubles) or (
            f'recording, {recorder.seconds:.1f} s' if recorder.recording else 'ready')
        level = DiagnosticStatus.ERROR if recorder.error else \
            DiagnosticStatus.WARN if troubles else DiagnosticStatus.OK
        self._diagnostics.publish(messages.to_diagnostics(
            [(f'{self.get_fully_qualified_name()}: recording', level, text, rates)],
            self.get_clock().now().nanoseconds))
        if recorder.recording and recorder.full:
            why = '; '.join(recorder.troubles())
            recorder.stop()
            self.get_logger().fatal(f'recording ended: {why}')
            self.exit_status = 1
            os.kill(os.getpid(), signal.SIGTERM)

    def _take(self, changes: dict[str, Any]) -> None:
        refuse_all_but(LABELS, changes)
        self._values = {**self._values, **changes}


def main(argv: list[str] | None = None) -> int:
    """Run the node until a signal comes; what is being recorded then is kept."""
    return run(RecordNode, argv, f'{__doc__}\nParameters:\n{describe(SETTINGS)}',
               'record', SETTINGS)
