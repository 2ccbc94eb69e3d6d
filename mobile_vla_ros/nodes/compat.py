"""What differs between ROS distributions and middlewares, in one place."""

from collections.abc import Callable
from typing import Any

from rclpy.duration import Duration
from rclpy.qos import qos_check_compatible, qos_policy_name_from_kind, QoSCompatibility

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks


OnMismatch = Callable[[str, str], None]  # (topic, the QoS policy that does not fit)


def create_subscription(node: Any, kind: type, topic: str, callback: Callable[[Any], None],
                        qos: Any, on_mismatch: OnMismatch) -> Any:
    """Create a subscription; it reports publishers whose QoS does not fit."""
    events = SubscriptionEventCallbacks(incompatible_qos=_reporter(node, topic, on_mismatch))
    try:
        return node.create_subscription(kind, topic, callback, qos, event_callbacks=events)
    except Exception:  # a middleware without such events; a real fault shows again below
        return node.create_subscription(kind, topic, callback, qos)


def create_publisher(node: Any, kind: type, topic: str, qos: Any, on_mismatch: OnMismatch) -> Any:
    """Create a publisher; it reports subscribers whose QoS does not fit."""
    events = PublisherEventCallbacks(incompatible_qos=_reporter(node, topic, on_mismatch))
    try:
        return node.create_publisher(kind, topic, qos, event_callbacks=events)
    except Exception:
        return node.create_publisher(kind, topic, qos)


def fits(node: Any, topic: str) -> bool:
    """Tell whether the QoS of a node fits that of all others on a topic, as the graph shows it."""
    # The node's own QoS is taken from the graph too: there, no deadline is not 0.
    me = (node.get_name(), node.get_namespace())
    pairs = [(publisher.qos_profile, subscriber.qos_profile)
             for publisher in node.get_publishers_info_by_topic(topic)
             for subscriber in node.get_subscriptions_info_by_topic(topic)
             if me in ((publisher.node_name, publisher.node_namespace),
                       (subscriber.node_name, subscriber.node_namespace))]
    return all(qos_check_compatible(*pair)[0] != QoSCompatibility.ERROR for pair in pairs)


def wait_for_acks(publisher: Any, seconds: float) -> None:
    """Wait, at most so long, until reliable subscribers have what was published."""
    try:
        publisher.wait_for_all_acked(Duration(seconds=seconds))
    except Exception:  # this distribution or middleware cannot tell; then nobody waits
        pass


def _reporter(node: Any, topic: str, on_mismatch: OnMismatch) -> Callable[[Any], None]:
    def report(event: Any) -> None:
        try:
            name = qos_policy_name_from_kind(event.last_policy_kind)
        except ValueError:
            name = str(event.last_policy_kind)
        on_mismatch(node.resolve_topic_name(topic), name.upper().replace('QOS_POLICY_', ''))
    return report
