"""What the nodes really open: each is made with every option in turn, and asked."""

from contextlib import contextmanager
from dataclasses import dataclass, field
import importlib
import os
from pathlib import Path
import sys
import time

import rclpy
from rclpy.node import Node

from geometry_msgs.msg import TwistStamped
from std_msgs.msg import String

from support.bags import write

NODES = ('drive', 'sim', 'record', 'teleop', 'play', 'compare')
NAMESPACE = '/here'  # tells a relative name from an absolute one
EVERY_NODE = ('/rosout', '/parameter_events', '~/transition_event')
# The services of parameters and of lifecycles, which ROS gives a node.
GIVEN = ('rcl_interfaces', 'lifecycle_msgs', 'type_description_interfaces')
PATIENCE_S = 20.0


@dataclass
class End:
    """A publisher, a subscription, a service or a client of a node."""

    kind: str
    name: str
    types: dict = field(default_factory=dict)  # option with which the node was made: type


def module_of(node: str):
    """Return the module of a node."""
    return importlib.import_module(f'mobile_vla_ros.nodes.{node}')


def ends_of(node: str, folder: Path, domain: int) -> tuple[list[End], list[str]]:
    """
    Return all ends of a node, and all options with which it was made; '' is none.

    :param folder: for what a node needs to start.
    """
    module = module_of(node)
    needs, bags = _needs(node, folder), []
    if node == 'play':
        bags = [('a bag of compressed pictures', {'bag': str(folder / 'jpeg')})]
    options = [('', {}), *bags]
    for setting in module.SETTINGS:
        values = [not setting.default] if isinstance(setting.default, bool) else \
            [choice for choice in setting.choices if choice not in ('', setting.default)]
        options += [(f'`{setting.name}: {_yaml(value)}`', {setting.name: value})
                    for value in values]
    found = {}
    for option, values in options:
        for kind, name, type_name in _open(node, {**needs, **values}, domain):
            found.setdefault((kind, name), End(kind, name)).types[option] = type_name
    return list(found.values()), [option for option, _ in options]


def _needs(node: str, folder: Path) -> dict:
    """Return the parameters without which a node does not start."""
    if node == 'play':
        write(folder / 'raw', 0.5, size=(32, 24))
        write(folder / 'jpeg', 0.5, size=(32, 24), compressed=True)
        return {'bag': str(folder / 'raw')}
    return {'record': {'folder': str(folder / 'drives')},
            'compare': {'html': str(folder / 'page.html')}}.get(node, {})


def _yaml(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _open(node: str, values: dict, domain: int) -> list[tuple[str, str, str]]:
    """Make a node with these parameters; return (kind, name, type) of all of its ends."""
    arguments = ['--ros-args', '-r', f'__ns:={NAMESPACE}']
    for name, value in values.items():
        arguments += ['-p', f'{name}:={_yaml(value)}']
    rclpy.init(args=arguments, domain_id=domain)
    try:
        with _terminal():
            made = _make(node)
        if node == 'drive':
            made.trigger_configure()
        if node == 'compare':
            _let_a_drive_node_appear(made)
        ends = _ends(made)
        if node == 'drive':
            made.close()
        made.destroy_node()
        return ends
    finally:
        rclpy.try_shutdown()


def _make(node: str) -> Node:
    module = module_of(node)
    if node == 'sim' and module.TFMessage is None:
        module.TFMessage = TFMessage  # no wheel has it
    kind, = (kind for kind in vars(module).values() if isinstance(kind, type)
             and issubclass(kind, Node) and kind.__module__ == module.__name__)
    return kind(_load) if node == 'drive' else kind()


class TFMessage(String):
    """Stands for tf2_msgs/TFMessage, which a ROS installation has."""


_policies = []


def _load(*_):
    """Return the policy that ships, loaded once."""
    if not _policies:
        from mobile_vla_ros.inference.policy import load_policy
        _policies.append(load_policy())
    return _policies[0]


@contextmanager
def _terminal():
    """Let the teleop node find the terminal that it needs."""
    leader, follower = os.openpty()
    before, sys.stdin = sys.stdin, os.fdopen(follower)
    try:
        yield
    finally:
        sys.stdin.close()
        sys.stdin = before
        os.close(leader)


def _let_a_drive_node_appear(compare: Node) -> None:
    """Publish what a drive node does, until the compare node has seen it."""
    other = rclpy.create_node('drive')
    for topic in ('drive/plan', 'cmd_vel'):
        other.create_publisher(TwistStamped, topic, 1)
    before, end = len(list(compare.subscriptions)), time.monotonic() + PATIENCE_S
    while len(list(compare.subscriptions)) == before:
        if time.monotonic() > end:
            raise RuntimeError('the compare node does not see a drive node')
        rclpy.spin_once(compare, timeout_sec=0.05)
    other.destroy_node()


def _ends(node: Node) -> list[tuple[str, str, str]]:
    own = f'{NAMESPACE}/{node.get_name()}/'
    found = [('out', end.topic_name, end.msg_type) for end in node.publishers]
    found += [('in', end.topic_name, end.msg_type) for end in node.subscriptions]
    found += [('service', end.srv_name, end.srv_type) for end in node.services]
    found += [('calls', end.srv_name, end.srv_type) for end in node.clients]
    ends = []
    for kind, name, made in found:
        if name.startswith(own):
            name = '~/' + name.removeprefix(own)
        name = name.removeprefix(NAMESPACE + '/')
        package = 'tf2_msgs' if made.__name__ == 'TFMessage' else made.__module__.split('.')[0]
        if name in EVERY_NODE or kind == 'service' and package in GIVEN:
            continue
        ends.append((kind, name, f'{package}/{made.__name__}'))
    published = {name for kind, name, _ in ends if kind == 'out'}
    # The sim node listens to what it publishes: it looks for another simulator.
    return [end for end in ends if end[0] != 'in' or end[1] not in published]
