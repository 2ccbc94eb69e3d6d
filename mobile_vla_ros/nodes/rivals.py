"""Does another simulator, or a robot, publish what only one may?"""

from collections import deque
import time

from rclpy.clock import Clock as RosClock, ClockType
from rclpy.qos import qos_profile_sensor_data

from nav_msgs.msg import Odometry
from rosgraph_msgs.msg import Clock

from mobile_vla_ros import messages

LISTEN_S = 1.0  # before the first word: another one speaks fifty times a second
SEEN_S = 3.0  # the same, where the graph shows another publisher: to be heard may take longer
PATIENCE_S = 5.0  # at most, for the other one to go; who began later has less and gives way
GONE_S = 2.0  # without a word
LOOK_S = 0.25
UNKNOWN = '_NODE_NAME_UNKNOWN_'  # what ROS calls a node whose name has not come yet


class Rivals:
    """
    Listens to `odom` and `/clock` for stamps that are not the node's own.

    A publisher that is only seen on the graph does not count: one that was killed stays there for
    a while. After the start it listens only while the graph shows another publisher.
    """

    def __init__(self, node, clock: bool, on_rival):
        """Listen from now on; `on_rival(words)` is called in the executor when it must end."""
        self._node, self._on_rival = node, on_rival
        self._kinds = {'odom': Odometry, **({'/clock': Clock} if clock else {})}
        self._began = time.monotonic()
        self._seen = False  # whether the graph shows others
        self._own, self._recent = set(), deque(maxlen=5000)
        self._heard = None  # (topic, when its first foreign stamp came, when its last did)
        self._ears = []
        self._told = False
        self._listen()

    @property
    def words(self) -> str:
        """Return who else publishes, and what to do; '' if nobody was heard."""
        if not self._heard:
            return ''
        topic = self._node.resolve_topic_name(self._heard[0])
        who = ', '.join(self._others(topic)) or 'another node'
        remedy = 'stop it, or set clock:=false for this one: a graph has one clock' \
            if topic == '/clock' else 'stop it, or give this one another namespace'
        return f'{who} publishes {topic} already: {remedy}'

    def own(self, stamp_ns: int) -> None:
        """Take note, before it is published, of a stamp of the node's own."""
        if len(self._recent) == self._recent.maxlen:
            self._own.discard(self._recent[0])
        self._recent.append(stamp_ns)
        self._own.add(stamp_ns)

    def wait(self, spin_once) -> bool:
        """Listen, by calling spin_once(seconds), until the time is over; True if nobody spoke."""
        began = time.monotonic()
        while not self._heard and time.monotonic() < began + (SEEN_S if self._seen else LISTEN_S):
            spin_once(0.05)
            self._seen = self._any_others()
        self._deafen()
        if not self._heard:
            self._node.create_timer(LOOK_S, self._look, clock=RosClock(
                clock_type=ClockType.STEADY_TIME))
        return not self._heard

    def _listen(self):
        for topic, kind in self._kinds.items():
            self._ears.append(self._node.create_subscription(
                kind, topic, lambda msg, topic=topic: self._on_message(topic, msg),
                qos_profile_sensor_data))

    def _deafen(self):
        for ear in self._ears:
            self._node.destroy_subscription(ear)
        self._ears = []

    def _on_message(self, topic, msg):
        stamp = msg.clock if topic == '/clock' else msg.header.stamp
        if messages.to_ns(stamp) not in self._own:
            now = time.monotonic()
            self._heard = (topic, self._heard[1] if self._heard else now, now)

    def _others(self, topic) -> list:
        everyone = [f'{info.node_namespace.rstrip("/")}/{info.node_name}'
                    for info in self._node.get_publishers_info_by_topic(topic)]
        mine = self._node.get_fully_qualified_name()
        if mine in everyone:
            everyone.remove(mine)
        return sorted('another node' if UNKNOWN in name else name for name in everyone)

    def _any_others(self) -> bool:
        return any(self._others(self._node.resolve_topic_name(topic)) for topic in self._kinds)

    def _look(self):
        """Listen while the graph shows others; say so at once, and end where they stay."""
        seen = self._any_others()
        if seen and not self._ears:
            self._listen()
        elif not seen and self._ears:
            self._deafen()
        now = time.monotonic()
        if self._heard and now - self._heard[2] > GONE_S:
            self._heard, self._told = None, False
        if not self._heard:
            return
        _, first, last = self._heard
        if last - first > min(first - self._began, PATIENCE_S):
            self._on_rival(self.words)
        elif not self._told:
            self._told = True
            self._node.get_logger().error(f'{self.words}; if it goes on, this one ends')
