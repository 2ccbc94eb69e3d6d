"""Read a ROS parameter file as a node reads it, and write one; without ROS."""

import atexit
from collections.abc import Iterator
import json
from pathlib import Path
import re
import tempfile
from typing import Any

import yaml

from mobile_vla_ros.errors import one_line
from mobile_vla_ros.yaml_file import compose, read_text

SHAPE = 'NODE: {ros__parameters: {NAME: VALUE}}, where NODE is /**, /**/name or /namespace/name'
Parameters = dict[str, yaml.Node]


def read(path: str | Path) -> list[tuple[str, Parameters]]:
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
                         + one_line(error, None)) from None
    if not isinstance(root, yaml.MappingNode):
        raise ValueError(f'parameter file {path} must have {SHAPE}')
    return list(_sections(path, root, []))


def _sections(path: Path, mapping: yaml.MappingNode,
              names: list[str]) -> Iterator[tuple[str, Parameters]]:
    """Yield the sections of a mapping; `names` lead to it."""
    for key, value in mapping.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else '?'
        if not isinstance(value, yaml.MappingNode) or name == 'ros__parameters' and not names:
            raise ValueError(f'parameter file {path}, line {key.start_mark.line + 1}: '
                             f'{name!r:.80} is not in a place for it; write {SHAPE}')
        if name == 'ros__parameters':
            yield '/'.join(names), dict(_flat(path, value, ''))
        else:
            yield from _sections(path, value, [*names, name.strip('/')])


def _flat(path: Path, mapping: yaml.MappingNode,
          prefix: str) -> Iterator[tuple[str, yaml.Node]]:
    """Yield nested parameters by their dotted names."""
    for key, value in mapping.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ValueError(f'parameter file {path}, line {key.start_mark.line + 1}: a name must '
                             'be one word')
        if isinstance(value, yaml.MappingNode):
            yield from _flat(path, value, f'{prefix}{key.value}.')
        else:
            yield prefix + key.value, value


def parameters_of(path: str | Path, *nodes: str) -> Parameters:
    """
    Return the parameters that a file has for nodes; a later section overrides an earlier one.

    :param nodes: names with their namespaces, such as /ns/drive.
    :raises ValueError: if the file cannot be read, or has nothing for any of these nodes.
    """
    sections = read(path)
    matching = [parameters for key, parameters in sections
                if any(matches(key, node) for node in nodes)]
    if not matching:
        keys = ', '.join('/' + key for key, _ in sections) or 'no node at all'
        raise ValueError(f'parameter file {path} has nothing for node {" or ".join(nodes)}: it '
                         f'is for {keys}; /** would be every node')
    return {name: value for parameters in matching for name, value in parameters.items()}


def matches(key: str, node: str) -> bool:
    """
    Return whether a node key of a file means a node, as rcl decides it.

    :param key: such as `/**`, `/**/drive`, `ns/drive` or `drive`.
    :param node: the node's name with its namespace, such as /ns/drive.
    """
    words = ['(/\\w+)*' if word == '**' else '/\\w+' if word == '*' else '/' + re.escape(word)
             for word in key.strip('/').split('/')]
    return re.fullmatch(''.join(words), node) is not None


def write(node: str, values: dict[str, Any]) -> str:
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
