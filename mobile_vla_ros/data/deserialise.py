"""Messages of ROS 1 and ROS 2 from their bytes, by the definitions that ROS has of them."""

from functools import lru_cache
import math
from typing import Any, TYPE_CHECKING

from mobile_vla_ros.contract import Command
from mobile_vla_ros.data.storage import Channel

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

DECODERS = {'cdr': ('ROS2_HUMBLE', 'deserialize_cdr'), 'ros1': ('ROS1_NOETIC', 'deserialize_ros1')}


def message_of(raw: bytes, channel: Channel) -> Any:
    """Return a message as rosbags has it; what the file says of its type does not matter."""
    store, method = DECODERS[channel.encoding]
    return getattr(_store(store), method)(raw, channel.type)


def value_of(kind: str, msg: Any) -> Any:
    """
    Return what an Event holds of a message: a Command, a text or the message itself.

    :raises ValueError: if a command or a velocity is not finite.
    """
    if kind in ('command', 'odometry'):
        twist = getattr(msg, 'twist', msg)
        twist = getattr(twist, 'twist', twist)
        value = Command(twist.linear.x, twist.linear.y, twist.angular.z)
        if not all(map(math.isfinite, value)):
            raise ValueError('it is not finite')
        return value
    return msg.data if kind == 'instruction' else msg


@lru_cache
def _store(name: str) -> 'Typestore':
    from rosbags.typesys import get_typestore, Stores
    return get_typestore(Stores[name])
