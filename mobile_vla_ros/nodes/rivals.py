"""Find out whether another simulator, or a robot, publishes what only one may publish."""

from collections import deque
from collections.abc import Callable
import time
from typing import Any, NamedTuple

from rclpy.clock import Clock as RosClock, ClockType
from rclpy.qos import qos_profile_sensor_data

from nav_msgs.msg import Odometry
from rosgraph_msgs.msg import Clock

from mobile_vla_ros import messages

LISTEN_S = 1.0  # before the node publishes; a rival publishes fifty times a second
SEEN_S = 3.0  # the same where the graph shows a rival: until it is heard may take longer
PATIENCE_S = 5.0  # at most, for a rival to go; the node that began later has less and gives way
GONE_S = 2.0  # of silence, after which a rival is gone
LOOK_S = 0.25  # between two looks at the graph
UNKNOWN = '_NODE_NAME_UNKNOWN_'  # what ROS calls a node whose name is not known yet


class Heard(NamedTuple):
    """What a rival was heard on, and when: steady times of its first and its newest stamp, s."""

    topic: str
    first: float
    last: float


class Rivals:
    """
    Listens to `odom` and `/clock` for stamps that are not the node's own.

    A publisher that only the graph shows does not count: one that was killed stays there for a
    while. After the start this listens only while the graph shows another publisher.
    """

    def __init__(self, node: Any, clock: bool, on_rival: Callable[[str], None]) -> None:
        """
        Listen from now on.

        :param clock: whether the node publishes /clock.
        :param on_rival: is called in the executor, with a sentence, when the node must end.
        """
        self._node, self._on_rival = node, on_rival
        self._kinds = {'odom': Odometry, **({'/clock': Clock} if clock else {})}
        self._began = time.monotonic()
        self._seen = False  # whether the graph shows others
        self._own: set[int] = set()  # newest stamps of the node, ns
        self._recent: deque[int] = deque(maxlen=5000)  # the same in their order
        self._heard: Heard | None = None
        self._subscriptions: list[Any] = []
        self._warned = False
        self._subscribe()

    @property
    def complaint(self) -> str:
        """Return who else publishes, and what to do; '' if nobody was heard."""
        if not self._heard:
            return ''
        topic = self._node.resolve_topic_name(self._heard.topic)
        who = ', '.join(self._others(topic)) or 'another node'
        remedy = 'stop it, or set clock:=false for this one: a graph has one clock' \
            if topic == '/clock' else 'stop it, or give this one another namespace'
        return f'{who} publishes {topic} already: {remedy}'

    def note_own(self, stamp_ns: int) -> None:
        """Note a stamp of the node's own, before it is published."""
        if len(self._recent) == self._recent.maxlen:
            self._own.discard(self._recent[0])
        self._recent.append(stamp_ns)
        self._own.add(stamp_ns)

    def is_alone(self, spin_once: Callable[[float], None]) -> bool:
        """Listen for a while, by calling spin_once(seconds); return whether nobody was heard."""
        began = time.monotonic()
        while not self._heard and time.monotonic() < began + (SEEN_S if self._seen else LISTEN_S):
            spin_once(0.05)
            self._seen = self._any_others()
        self._unsubscribe()
        if not self._heard:
            self._node.create_timer(LOOK_S, self._look, clock=RosClock(
                clock_type=ClockType.STEADY_TIME))
        return not self._heard

    def _subscribe(self) -> None:
        for topic, kind in self._kinds.items():
            self._subscriptions.append(self._node.create_subscription(
                kind, topic, lambda msg, topic=topic: self._on_message(topic, msg),
                qos_profile_sensor_data))

    def _unsubscribe(self) -> None:
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def _on_message(self, topic: str, msg: Any) -> None:
        stamp = msg.clock if topic == '/clock' else msg.header.stamp
        if messages.to_ns(stamp) not in self._own:
            now = time.monotonic()
            self._heard = Heard(topic, self._heard.first if self._heard else now, now)

    def _others(self, topic: str) -> list[str]:
        everyone = [f'{info.node_namespace.rstrip("/")}/{info.node_name}'
                    for info in self._node.get_publishers_info_by_topic(topic)]
        mine = self._node.get_fully_qualified_name()
        if mine in everyone:
            everyone.remove(mine)
        return sorted('another node' if UNKNOWN in name else name for name in everyone)

    def _any_others(self) -> bool:
        return any(self._others(self._node.resolve_topic_name(topic)) for topic in self._kinds)

    def _look(self) -> None:
        """Listen while the graph shows others; warn of a rival at once, and end if it stays."""
        seen = self._any_others()
        if seen and not self._subscriptions:
            self._subscribe()
        elif not seen and self._subscriptions:
            self._unsubscribe()
        now = time.monotonic()
        if self._heard and now - self._heard.last > GONE_S:
            self._heard, self._warned = None, False
        if not self._heard:
            return
        _, first, last = self._heard
        if last - first > min(first - self._began, PATIENCE_S):
            self._on_rival(self.complaint)
        elif not self._warned:
            self._warned = True
            self._node.get_logger().error(f'{self.complaint}; if it goes on, this one ends')
