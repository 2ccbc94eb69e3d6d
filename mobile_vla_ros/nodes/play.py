"""
The play node: a recorded bag as if it happened now, for the drive node to drive by.

    python -m mobile_vla_ros play --ros-args -p bag:=my_bag -p loop:=true

The recorded commands go to recorded_cmd_vel, never to cmd_vel: no base moves by them.
"""

import json
import os
import signal
import threading
import time

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String
from std_srvs.srv import SetBool

from mobile_vla_ros import messages
from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.data.timeline import Timeline
from mobile_vla_ros.environment.packages import missing
from mobile_vla_ros.errors import first_line, summary_of
from mobile_vla_ros.images.decode import check, MessageError
from mobile_vla_ros.images.tally import Tally
from mobile_vla_ros.instruction import normalise
from mobile_vla_ros.nodes import compat
from mobile_vla_ros.nodes.parameters import declare, describe, Setting
from mobile_vla_ros.nodes.spin import run

SETTLE_S = 0.5  # after the last subscriber was seen: it may not yet see us
TOLD_S = 0.5  # between two words on how far it is
LOOP_GAP_NS = NS // 10  # between a recording's end and its next beginning
SETTINGS = (
    Setting('bag', '', 'rosbag2 folder, .mcap, .db3 or ROS 1 .bag'),
    Setting('rate', 1.0, 'Times real time', 0.05, 20.0),
    Setting('start', 0.0, 'Seconds to leave out; the last instruction in them is said', 0.0, 1e6),
    Setting('loop', False, 'Begin anew at the end'),
    Setting('stamps', 'shifted', 'shifted: by one offset for the whole bag, so that it begins '
            'now and frames are as old as they were; recorded: as they are',
            choices=('shifted', 'recorded')),
    Setting('instruction', '', 'Said at the start, instead of what was recorded'),
    Setting('wait', 5.0, 'Seconds to wait for a subscriber of every topic before it begins '
            'anyway', 0.0, 3600.0),
    Setting('image_topic', '', 'In the bag, where it has several'),
    Setting('command_topic', '', 'In the bag, where it has several'),
    Setting('instruction_topic', '', 'In the bag, where it has several'),
)


def open_bag(values: dict) -> Bag:
    """
    Open the bag that the parameters name.

    :raises ValueError: if there is none, it cannot be read or ends before `start`.
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

    def __init__(self):
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
        self._warned = set()
        self._wake = threading.Condition()
        self._timeline, self._ended = None, False
        self._thread = threading.Thread(target=self._run, name='play', daemon=True)

    def start(self) -> bool:
        """Begin to play."""
        self._thread.start()
        return True

    def close(self):
        """Stop playing."""
        with self._wake:
            self._ended = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(0.4)

    def _run(self):
        try:
            self._wait_for_subscribers()
            self._play()
        except ValueError as error:  # a bag that is damaged further on
            self.get_logger().fatal(first_line(error))
            self.exit_status = 1
        except Exception as error:
            if not self._ended:  # else a publisher that the end took away
                self.get_logger().fatal(f'{summary_of(error)}: the bag is not played further')
                self.exit_status = 1
        finally:
            if not self._ended:
                os.kill(os.getpid(), signal.SIGTERM)

    def _wait_for_subscribers(self):
        publishers = [self._images, self._instructions, self._commands]
        end = time.monotonic() + self._values['wait']
        while not self._ended and time.monotonic() < end:
            if all(publisher.get_subscription_count() for publisher in publishers):
                break
            time.sleep(0.02)
        else:
            deaf = [p.topic_name for p in publishers if not p.get_subscription_count()]
            if deaf and not self._ended:
                self.get_logger().warning(f'nobody listens to {", ".join(deaf)}')
        if self._values['wait']:
            time.sleep(SETTLE_S)

    def _play(self):
        values, shift_ns = self._values, 0
        while not self._ended:
            with self._wake:
                before, now_ns = self._timeline, time.monotonic_ns()
                self._timeline = Timeline(values['rate'], now_ns)
                self._timeline.pause(bool(before and before.paused), now_ns)
            zero_ns = last_ns = None
            began_ns = time.time_ns()
            for event in self._bag.events(start_s=values['start']):
                if event.kind == 'cut':
                    self._warn(event.value)
                    continue
                if zero_ns is None:
                    zero_ns = event.received_ns
                    if values['stamps'] == 'shifted':
                        shift_ns = max(began_ns - zero_ns, shift_ns)
                    told_ns = 0
                    if values['instruction']:
                        self._say(values['instruction'])
                last_ns = event.received_ns
                if not self._wait(last_ns - zero_ns):
                    return
                self._publish(event, shift_ns)
                if time.monotonic_ns() - told_ns > TOLD_S * NS:
                    told_ns = time.monotonic_ns()
                    self._tell(last_ns - zero_ns, shift_ns, began_ns)
            if zero_ns is None:
                raise ValueError(f'{values["bag"]}: no messages after {values["start"]:g} s')
            for words in self._bag.reading.words():
                self._warn(words)
            if not values['loop']:
                self._tell(last_ns - zero_ns, shift_ns, began_ns, done=True)
                if self._tally.unreadable:
                    self.get_logger().warning(f'{self._tally.words}; {self._tally.remedy}')
                self.get_logger().info('done')
                compat.wait_for_acks(self._status, 1.0)
                return
            shift_ns += last_ns - zero_ns + LOOP_GAP_NS  # stamps never go backwards

    def _wait(self, offset_ns) -> bool:
        """Wait until a moment of the recording is due; False if it is not wanted any more."""
        with self._wake:
            while not self._ended:
                wait_s = self._timeline.wait_s(offset_ns, time.monotonic_ns())
                if wait_s == 0.0:
                    return True
                self._wake.wait(wait_s)
        return False

    def _publish(self, event, shift_ns):
        stamp_ns = event.stamp_ns + shift_ns
        if self._values['stamps'] == 'recorded':
            stamp_ns -= event.moved_ns
        if event.kind == 'image':
            self._look(event.value)
            self._images.publish(messages.replayed(event.value, stamp_ns))
        elif event.kind == 'command':
            self._commands.publish(messages.to_twist_stamped(event.value, stamp_ns, 'base_link'))
        elif not self._values['instruction']:
            self._say(event.value)

    def _warn(self, words):
        if words not in self._warned:
            self._warned.add(words)
            self.get_logger().warning(words)

    def _look(self, image):
        try:
            self._tally.read(check, image)
        except MessageError as error:
            if self._tally.unreadable == 1:
                self.get_logger().warning(f'frame {self._tally.frames}: {error}')

    def _say(self, text):
        """Publish an instruction, and let it arrive before the next frame."""
        self._instructions.publish(String(data=normalise(text)))
        compat.wait_for_acks(self._instructions, 0.1)
        time.sleep(0.01)

    def _tell(self, at_ns, shift_ns, began_ns, done=False):
        self._status.publish(String(data=json.dumps({
            **self._values, 'bag': os.path.abspath(self._values['bag']),
            'seconds': at_ns / NS, 'paused': self._timeline.paused, 'shift_ns': shift_ns,
            'began_ns': began_ns, 'pictures': self._tally.words, 'done': done})))

    def _on_pause(self, request, response):
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


def main(argv=None) -> int:
    """Play until the end of the bag, or until a signal comes."""
    return run(PlayNode, argv, f'{__doc__}\nParameters:\n{describe(SETTINGS)}',
               'play', SETTINGS)
