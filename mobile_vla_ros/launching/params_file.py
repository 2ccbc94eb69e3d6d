"""What a ROS parameter file says to one node, typed as ROS types it; read without ROS."""

import atexit
import difflib
import json
from pathlib import Path
import re
import tempfile

import yaml

from mobile_vla_ros.yaml_file import compose, read_text

ANYWHERE = ('use_sim_time', 'start_type_description_service')  # every node's; qos_overrides.* too
SHAPE = 'NODE: {ros__parameters: {NAME: VALUE}}, where NODE is /**, /**/name or /namespace/name'
TRUE = ('y', 'yes', 'true', 'on')
FALSE = ('n', 'no', 'false', 'off')
INTEGER = re.compile(r'[+-]?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)')
FLOAT = re.compile(r'[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?', re.IGNORECASE)
UNBOUNDED = re.compile(r'([+-]?)\.?(inf|infinity|nan)', re.IGNORECASE)


def typed(text: str):
    """Return unquoted text as bool, int or float where ROS takes it for one, else as it is."""
    for words, value in ((TRUE, True), (FALSE, False)):
        if text in words or text.lower() in words and text in (text.upper(), text.capitalize()):
            return value
    if INTEGER.fullmatch(text):
        digits = text.lstrip('+-')
        base = 16 if digits[:2] in ('0x', '0X') else 8 if digits[0] == '0' else 10
        value = int(digits, base) * (-1 if text[0] == '-' else 1)
        if -2**63 <= value < 2**63:
            return value
        return float(value) if base == 10 else text
    if FLOAT.fullmatch(text):
        return float(text)
    unbounded = UNBOUNDED.fullmatch(text)
    return float(unbounded[1] + unbounded[2]) if unbounded else text


def nearest(name: str, known) -> str:
    """Return known names for an error: the one that was probably meant, or all."""
    known = list(known)
    close = difflib.get_close_matches(name, known, 1, 0.7)
    return f'did you mean {close[0]}?' if close else 'there are ' + ', '.join(known)


def matches(key: str, node: str) -> bool:
    """
    Return whether a file's node key is that of a node, as rcl sees it.

    :param key: such as `/**`, `/**/drive`, `ns/drive` or `drive`.
    :param node: the node's name with its namespace, such as /ns/drive.
    """
    words = ['(/\\w+)*' if word == '**' else '/\\w+' if word == '*' else '/' + re.escape(word)
             for word in key.strip('/').split('/')]
    return re.fullmatch(''.join(words), node) is not None


def read(path) -> list:
    """
    Return pairs of a node key and {name: YAML node}, in the file's order.

    :raises ValueError: if there is no such file, or it is no parameter file; in one line.
    """
    if not str(path) or not Path(path).exists():
        raise ValueError(f'there is no parameter file {str(path)!r}')
    path = Path(path)
    if not path.is_file():
        raise ValueError(f'parameter file {str(path)!r} is no file')
    try:
        root = compose(read_text(path), aliases='ROS takes no YAML aliases')
    except (ValueError, OSError) as error:
        raise ValueError(f'parameter file {path} cannot be read: '
                         + ' '.join(str(error).split())) from None
    found = []
    if not isinstance(root, yaml.MappingNode):
        raise ValueError(f'parameter file {path} must have {SHAPE}')
    _read_nodes(path, root, [], found)
    return found


def _read_nodes(path, mapping, names, found):
    for key, value in mapping.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else '?'
        if not isinstance(value, yaml.MappingNode) or name == 'ros__parameters' and not names:
            raise ValueError(f'parameter file {path}, line {key.start_mark.line + 1}: '
                             f'{name!r:.80} is not in a place for it; write {SHAPE}')
        if name == 'ros__parameters':
            found.append(('/'.join(names), dict(_flat(path, value, ''))))
        else:
            _read_nodes(path, value, [*names, name.strip('/')], found)


def _flat(path, mapping, prefix):
    for key, value in mapping.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ValueError(f'parameter file {path}, line {key.start_mark.line + 1}: a name must '
                             'be one word')
        if isinstance(value, yaml.MappingNode):
            yield from _flat(path, value, f'{prefix}{key.value}.')
        else:
            yield prefix + key.value, value


def said_to(path, *nodes: str) -> dict:
    """
    Return {name: YAML node} of what a file says to nodes; what comes later in it wins.

    :param nodes: names with their namespaces, such as /ns/drive.
    :raises ValueError: if the file cannot be read, or has nothing for any of these nodes.
    """
    sections = read(path)
    said = [parameters for key, parameters in sections
            if any(matches(key, node) for node in nodes)]
    if not said:
        keys = ', '.join('/' + key for key, _ in sections) or 'no node at all'
        raise ValueError(f'parameter file {path} has nothing for node {" or ".join(nodes)}: it '
                         f'is for {keys}; /** would be every node')
    return {name: value for parameters in said for name, value in parameters.items()}


def value_of(node, text: bool = False):
    """
    Return the value of a YAML node, typed as ROS types it.

    :param text: keep one word as it was written, for a parameter that is text.
    :raises ValueError: if there is none.
    """
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        raise ValueError('a list may not hold names')
    if node.style in ('"', "'") or text and node.value:
        return node.value
    if not node.value:
        raise ValueError("there is no value; write '' for an empty text")
    return typed(node.value)


def check(path, node: str, settings) -> dict:
    """
    Return {name: checked value} of what a file says to one of our nodes.

    Text that looks like a number or a yes is text where the parameter is.

    :param settings: the node's table of `nodes.parameters.Setting`.
    :raises ValueError: for whatever the node would refuse or not see; in one line.
    """
    known = {setting.name: setting for setting in settings}
    values = {}
    for name, written in said_to(path, node).items():
        setting = known.get(name)
        try:
            if setting is None and name not in ANYWHERE and not name.startswith('qos_overrides.'):
                raise ValueError(f'unknown parameter {name!r}: {nearest(name, known)}')
            value = value_of(written, setting is not None and isinstance(setting.default, str))
            if name == 'use_sim_time' and not isinstance(value, bool):
                raise ValueError(f'parameter use_sim_time must be true or false, got {value!r}')
            values[name] = setting.check(value) if setting else value
        except ValueError as error:
            raise ValueError(f'parameter file {path}, line {written.start_mark.line + 1}: '
                             f'{error}') from None
    return values


def from_argument(setting, text: str):
    """
    Return the value of a parameter from the text of a launch argument.

    :raises ValueError: if the parameter does not take it.
    """
    try:
        if isinstance(setting.default, str):
            return setting.check(text)
        return setting.check(value_of(compose(text)))
    except (ValueError, AttributeError):
        raise ValueError(f'{setting.name}:= must be {setting.allowed}, got {text!r}') from None


def write(node: str, values: dict) -> str:
    """
    Return the path of a new parameter file for a node, removed when this process ends.

    It is JSON, whose quotes keep text from being taken for a number.

    :param node: the node's name with its namespace.
    """
    text = json.dumps({node: {'ros__parameters': values}}, ensure_ascii=False)
    # YAML knows JSON's escapes but not its pairs of surrogates, and no bare control characters.
    text = ''.join(char if char.isprintable() else f'\\U{ord(char):08x}' for char in text)
    with tempfile.NamedTemporaryFile('w', encoding='utf-8', prefix=f'{node.rpartition("/")[2]}_',
                                     suffix='.yaml', delete=False) as file:
        file.write(text)
    atexit.register(Path(file.name).unlink, missing_ok=True)
    return file.name
