"""What a node's command line says of parameters, before rclpy reads it; without ROS."""

import json
import re

import yaml

from mobile_vla_ros.launching import params_file
from mobile_vla_ros.yaml_file import compose

NAME_RULE = re.compile(r'(?:(?P<node>[^/:]+):)?(?P<what>__node|__name|__ns):=(?P<value>.*)')
PARAMETER = re.compile(r'(?:(?P<node>\w+):)?(?P<name>[^:=]+):=(?P<text>.*)', re.DOTALL)


def pairs(args):
    """Yield position and option of every ROS argument that takes a value."""
    inside = False
    for position, word in enumerate(args):
        inside = word == '--ros-args' or inside and word != '--'
        if inside and position + 1 < len(args) and word in (
                '-p', '--param', '--params-file', '-r', '--remap'):
            yield position, word


def full_name(args, name: str) -> str:
    """Return the node's name with its namespace, as remapped by the arguments."""
    namespace = '/'
    for position, option in pairs(args):
        rule = NAME_RULE.fullmatch(args[position + 1])
        if option in ('-r', '--remap') and rule and rule['node'] in (None, name):
            if rule['what'] == '__ns':
                namespace = rule['value']
            else:
                name = rule['value']
    return f'{namespace.rstrip("/")}/{name}'


def quoted(args, name: str, settings) -> list:
    """
    Return the arguments with text in quotes where a parameter is text.

    `-p folder:=20261128` would be a number otherwise, and `-p instruction:='stop: now'` an error
    that does not name the parameter. What is in quotes already stays.

    :param name: the node's own name.
    :raises ValueError: for a file or a parameter that is meant for another node.
    """
    texts = {setting.name for setting in settings if isinstance(setting.default, str)}
    args, node = list(args), full_name(args, name)
    for position, option in pairs(args):
        value = args[position + 1]
        if option == '--params-file':
            params_file.said_to(value, node)
        found = PARAMETER.fullmatch(value) if option in ('-p', '--param') else None
        if not found:
            continue
        if found['node'] and found['node'] != node.rpartition('/')[2]:
            raise ValueError(f'-p {value} is for a node {found["node"]}, not for {node}')
        if found['name'] in texts and not is_quoted(found['text']):
            args[position + 1] = value[:found.start('text')] + json.dumps(
                found['text'], ensure_ascii=False)
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
