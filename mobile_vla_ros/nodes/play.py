"""
The play node: plays a recorded bag as if it happened now, for the drive node.

    python -m mobile_vla_ros play --ros-args -p bag:=my_bag -p loop:=true

The recorded commands go to recorded_cmd_vel, never to cmd_vel: no base moves by them.
"""

import json
import os
import signal
import threading
import time
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String
from std_srvs.srv import SetBool

from mobile_vla_ros import messages
from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.bags import Bag, Event
from mobile_vla_ros.data.timeline import Timeline
from mobile_vla_ros.environment.packages import missing
from mobile_vla_ros.errors import first_line, summary_of
from mobile_vla_ros.images.decode import check, MessageError
from mobile_vla_ros.images.tally import Tally
from mobile_vla_ros.instruction import normalise
from mobile_vla_ros.nodes import compat
from mobile_vla_ros.nodes.parameters import declare, describe, Setting
from mobile_vla_ros.nodes.spin import run

SETTLE_S = 0.5  # after the last subscriber was seen; it may not see this node yet
STATUS_S = 0.5  # between two messages on ~/status
LOOP_GAP_NS = NS // 10  # between the end of a recording and its next beginning
SETTINGS = (
    Setting('bag', '', 'rosbag2 folder, .mcap, .db3 or ROS 1 .bag'),
    Setting('rate', 1.0, 'Speed: 1 is real time, 2 is twice as fast', 0.05, 20.0),
    Setting('start', 0.0, 'Seconds to skip at the beginning; the last instruction in them '
            'is published', 0.0, 1e6),
    Setting('loop', False, 'Begin again at the end'),
    Setting('stamps', 'shifted', 'shifted: by one offset for the whole bag, so that it begins '
            'now and frames are as old as they were; recorded: as they are',
            choices=('shifted', 'recorded')),
    Setting('instruction', '', 'Instruction at the start, instead of those that were recorded'),
    Setting('wait', 5.0, 'Seconds to wait for a subscriber of every topic before it begins '
            'anyway', 0.0, 3600.0),
    Setting('image_topic', '', 'Topic of the images, for a bag that has several'),
    Setting('command_topic', '', 'Topic of the commands, for a bag that has several'),
    Setting('instruction_topic', '', 'Topic of the instructions, for a bag that has several'),
)


def open_bag(values: dict[str, Any]) -> Bag:
    """
    Open the bag that the parameters name.

    :raises ValueError: if there is no bag, it cannot be read, or it ends before `start`.
    """
    if not values['bag']:
        raise ValueError("parameter bag must name a recording, got ''")
    if values['loop'] and values['stamps'] == 'recorded':
        raise ValueError('loop:=true needs stamps:=shifted: recorded ones would go backwards')
    try:
        bag = Bag(values['bag'], image=values['image_topic'], command=values['command_topic'],
                  instruction=values['instruction_topic'])
    except ModuleNotFoundError as error:
        raise ValueError(f'reading a bag {missing(error)}') from error
    if values['start'] >= max(bag.seconds, 1e-9):
        raise ValueError(f'parameter start must be below the {bag.seconds:.1f} s of '
                         f'{values["bag"]}, got {values["start"]:g}')
    return bag


class PlayNode(Node):
    """Publishes what a bag holds, when it is due."""

    def __init__(self) -> None:
        """Read parameters, open the bag and the topics."""
        super().__init__('play')
        self.exit_status = 0
        self._values = values = declare(self, SETTINGS)
        self._bag = open_bag(values)
        kind, topic = (CompressedImage, 'image/compressed') if self._bag.compressed \
            else (Image, 'image')
        self._images = self.create_publisher(kind, topic, 10)
        self._commands = self.create_publisher(TwistStamped, 'recorded_cmd_vel', 100)
        self._instructions = self.create_publisher(String, 'instruction', 10)
        self._status = self.create_publisher(String, '~/status', QoSProfile(
            depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
        self.create_service(SetBool, '~/pause', self._on_pause)
        self._tally = Tally()  # of the pictures that a drive node will not be able to read
        self._warned: set[str] = set()
        self._shift_ns = 0  # added to the recorded stamps
        self._wake = threading.Condition()
        self._timeline: Timeline | None = None  # of the present round, from its beginning on
        self._ended = False
        self._thread = threading.Thread(target=self._run, name='play', daemon=True)

    def start(self) -> bool:
        """Begin to play."""
        self._thread.start()
        return True

    def close(self) -> None:
        """Stop playing."""
        with self._wake:
            self._ended = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(0.4)

    def _run(self) -> None:
        """Play in a thread of its own; then end the node."""
        try:
            self._wait_for_subscribers()
            while self._play_once() and self._values['loop']:
                pass
        except ValueError as error:  # a bag that is damaged further on
            self.get_logger().fatal(first_line(error))
            self.exit_status = 1
        except Exception as error:
            if not self._ended:  # else the end took a publisher away
                self.get_logger().fatal(f'{summary_of(error)}: the bag is not played further')
                self.exit_status = 1
        finally:
            if not self._ended:
                os.kill(os.getpid(), signal.SIGTERM)

    def _wait_for_subscribers(self) -> None:
        publishers = [self._images, self._instructions, self._commands]
        end = time.monotonic() + self._values['wait']
        while not self._ended and time.monotonic() < end:
            if all(publisher.get_subscription_count() for publisher in publishers):
                break
            time.sleep(0.02)
        else:
            unheard = [p.topic_name for p in publishers if not p.get_subscription_count()]
            if unheard and not self._ended:
                self.get_logger().warning(f'nobody listens to {", ".join(unheard)}')
        if self._values['wait']:
            time.sleep(SETTLE_S)

    def _play_once(self) -> bool:
        """Play the bag from `start` to its end; return False if the node ends before."""
        values = self._values
        timeline = self._begin_timeline()
        began_ns = time.time_ns()
        zero_ns = offset_ns = reported_ns = 0
        is_first = True
        for event in self._bag.events(start_s=values['start']):
            if event.kind == 'cut':
                self._warn_once(event.value)
                continue
            if is_first:
                is_first, zero_ns = False, event.received_ns
                self._begin_round(began_ns - zero_ns)
            offset_ns = event.received_ns - zero_ns
            if not self._wait(timeline, offset_ns):
                return False
            self._publish(event)
            if time.monotonic_ns() - reported_ns > STATUS_S * NS:
                reported_ns = time.monotonic_ns()
                self._report(timeline, offset_ns, began_ns)
        if is_first:
            raise ValueError(f'{values["bag"]}: no messages after {values["start"]:g} s')
        for problem in self._bag.reading.words():
            self._warn_once(problem)
        if not values['loop']:
            self._finish(timeline, offset_ns, began_ns)
        self._shift_ns += offset_ns + LOOP_GAP_NS  # stamps never go backwards
        return True

    def _begin_timeline(self) -> Timeline:
        """Return the timeline of a new round; a pause goes on."""
        with self._wake:
            before, now_ns = self._timeline, time.monotonic_ns()
            self._timeline = Timeline(self._values['rate'], now_ns)
            self._timeline.pause(bool(before and before.paused), now_ns)
            return self._timeline

    def _begin_round(self, shift_ns: int) -> None:
        """Shift the stamps of a round, and give the instruction if it is a parameter."""
        if self._values['stamps'] == 'shifted':
            self._shift_ns = max(shift_ns, self._shift_ns)
        if self._values['instruction']:
            self._instruct(self._values['instruction'])

    def _finish(self, timeline: Timeline, offset_ns: int, began_ns: int) -> None:
        """Report the end, and wait until it has arrived."""
        self._report(timeline, offset_ns, began_ns, done=True)
        if self._tally.unreadable:
            self.get_logger().warning(f'{self._tally.words}; {self._tally.remedy}')
        self.get_logger().info('done')
        compat.wait_for_acks(self._status, 1.0)

    def _wait(self, timeline: Timeline, offset_ns: int) -> bool:
        """Wait until a moment of the recording is due; return False if the node ends before."""
        with self._wake:
            while not self._ended:
                wait_s = timeline.wait_s(offset_ns, time.monotonic_ns())
                if wait_s == 0.0:
                    return True
                self._wake.wait(wait_s)
        return False

    def _publish(self, event: Event) -> None:
        value: Any = event.value  # what it is, the kind says
        stamp_ns = event.stamp_ns + self._shift_ns
        if self._values['stamps'] == 'recorded':
            stamp_ns -= event.moved_ns
        if event.kind == 'image':
            self._check_image(value)
            self._images.publish(messages.replayed(value, stamp_ns))
        elif event.kind == 'command':
            self._commands.publish(messages.to_twist_stamped(value, stamp_ns, 'base_link'))
        elif not self._values['instruction']:
            self._instruct(value)

    def _warn_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self.get_logger().warning(text)

    def _check_image(self, image: Any) -> None:
        """Count an image that a drive node cannot read; warn of the first."""
        try:
            self._tally.read(check, image)
        except MessageError as error:
            if self._tally.unreadable == 1:
                self.get_logger().warning(f'frame {self._tally.frames}: {error}')

    def _instruct(self, text: str) -> None:
        """Publish an instruction, and let it arrive before the next frame."""
        self._instructions.publish(String(data=normalise(text)))
        compat.wait_for_acks(self._instructions, 0.1)
        time.sleep(0.01)

    def _report(self, timeline: Timeline, offset_ns: int, began_ns: int,
                done: bool = False) -> None:
        """Publish the status; the keys are read by the compare node."""
        self._status.publish(String(data=json.dumps({
            **self._values, 'bag': os.path.abspath(self._values['bag']),
            'seconds': offset_ns / NS, 'paused': timeline.paused, 'shift_ns': self._shift_ns,
            'began_ns': began_ns, 'pictures': self._tally.words, 'done': done})))

    def _on_pause(self, request: Any, response: Any) -> Any:
        with self._wake:
            if self._timeline is None:
                response.message = 'it has not begun; ask again'
                return response
            self._timeline.pause(request.data, time.monotonic_ns())
            at_s = self._timeline.at_ns(time.monotonic_ns()) / NS
            self._wake.notify_all()
        response.success = True
        response.message = f'{"paused" if request.data else "playing"} at {at_s:.1f} s'
        return response


def main(argv: list[str] | None = None) -> int:
    """Play until the end of the bag, or until a signal comes."""
    return run(PlayNode, argv, f'{__doc__}\nParameters:\n{describe(SETTINGS)}',
               'play', SETTINGS)
