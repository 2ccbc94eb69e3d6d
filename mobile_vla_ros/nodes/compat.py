"""What differs between ROS distributions and middlewares, in one place."""

from rclpy.duration import Duration
from rclpy.qos import qos_check_compatible, qos_policy_name_from_kind, QoSCompatibility

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks


def create_subscription(node, kind, topic, callback, qos, on_mismatch):
    """Create a subscription that calls on_mismatch(topic, policy) for those that don't fit."""
    events = SubscriptionEventCallbacks(incompatible_qos=_reporter(node, topic, on_mismatch))
    try:
        return node.create_subscription(kind, topic, callback, qos, event_callbacks=events)
    except Exception:  # a middleware without such events; a real fault shows again below
        return node.create_subscription(kind, topic, callback, qos)


def create_publisher(node, kind, topic, qos, on_mismatch):
    """Create a publisher that calls on_mismatch(topic, policy) for those that don't fit."""
    events = PublisherEventCallbacks(incompatible_qos=_reporter(node, topic, on_mismatch))
    try:
        return node.create_publisher(kind, topic, qos, event_callbacks=events)
    except Exception:
        return node.create_publisher(kind, topic, qos)


def fits(node, topic: str) -> bool:
    """Tell whether a node and all its peers on a topic fit each other, by the graph's QoS."""
    me = (node.get_name(), node.get_namespace())  # of the graph too: there, no deadline is no 0
    pairs = [(giver.qos_profile, taker.qos_profile)
             for giver in node.get_publishers_info_by_topic(topic)
             for taker in node.get_subscriptions_info_by_topic(topic)
             if me in ((giver.node_name, giver.node_namespace),
                       (taker.node_name, taker.node_namespace))]
    return all(qos_check_compatible(*pair)[0] != QoSCompatibility.ERROR for pair in pairs)


def wait_for_acks(publisher, seconds: float):
    """Wait until reliable subscribers have what was published, where that can be known."""
    try:
        publisher.wait_for_all_acked(Duration(seconds=seconds))
    except Exception:  # not in this distribution or middleware; the caller loses nothing
        pass


def _reporter(node, topic, on_mismatch):
    def report(event):
        try:
            name = qos_policy_name_from_kind(event.last_policy_kind)
        except ValueError:
            name = str(event.last_policy_kind)
        on_mismatch(node.resolve_topic_name(topic), name.upper().replace('QOS_POLICY_', ''))
    return report
