"""The parameters on a node's command line, before rclpy reads it; without ROS."""

from collections.abc import Iterable, Iterator, Sequence
import json
import re

import yaml

from mobile_vla_ros.launching.checking import Parameter
from mobile_vla_ros.launching.params_file import parameters_of
from mobile_vla_ros.yaml_file import compose

NAME_RULE = re.compile(r'(?:(?P<node>[^/:]+):)?(?P<what>__node|__name|__ns):=(?P<value>.*)')
PARAMETER = re.compile(r'(?:(?P<node>\w+):)?(?P<name>[^:=]+):=(?P<text>.*)', re.DOTALL)


def options(args: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the position and the name of every ROS option whose value is the next argument."""
    inside = False
    for position, word in enumerate(args):
        inside = word == '--ros-args' or inside and word != '--'
        if inside and position + 1 < len(args) and word in (
                '-p', '--param', '--params-file', '-r', '--remap'):
            yield position, word


def full_name(args: Sequence[str], name: str) -> str:
    """Return a node's name with its namespace, as the arguments remap both."""
    namespace = '/'
    for position, option in options(args):
        rule = NAME_RULE.fullmatch(args[position + 1])
        if option in ('-r', '--remap') and rule and rule['node'] in (None, name):
            if rule['what'] == '__ns':
                namespace = rule['value']
            else:
                name = rule['value']
    return f'{namespace.rstrip("/")}/{name}'


def quote_texts(args: Iterable[str], name: str, settings: Iterable[Parameter]) -> list[str]:
    """
    Return the arguments with quotes around the values of parameters that are text.

    Without quotes `-p folder:=20261128` would be a number, and `-p instruction:='stop: now'` an
    error that does not name the parameter. A value in quotes stays as it is.

    :param name: the node's own name.
    :param settings: its table of parameters.
    :raises ValueError: for a file or a parameter that is meant for another node.
    """
    texts = {setting.name for setting in settings if isinstance(setting.default, str)}
    args, node = list(args), full_name(args, name)
    for position, option in options(args):
        value = args[position + 1]
        if option == '--params-file':
            parameters_of(value, node)  # refuses a file that is not for the node
        rule = PARAMETER.fullmatch(value) if option in ('-p', '--param') else None
        if not rule:
            continue
        if rule['node'] and rule['node'] != node.rpartition('/')[2]:
            raise ValueError(f'-p {value} is for a node {rule["node"]}, not for {node}')
        if rule['name'] in texts and not is_quoted(rule['text']):
            args[position + 1] = value[:rule.start('text')] + json.dumps(
                rule['text'], ensure_ascii=False)
    return args


def is_quoted(text: str) -> bool:
    """Return whether a text is one YAML word in quotes."""
    if text[:1] not in ('"', "'"):
        return False
    try:
        node = compose(text)
    except ValueError:
        return False
    return isinstance(node, yaml.ScalarNode) and node.style in ('"', "'")
