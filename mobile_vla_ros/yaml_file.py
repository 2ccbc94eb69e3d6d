"""Reads YAML files of others as plain values; refuses what would take much memory or time."""

from pathlib import Path
from typing import Any

import yaml

from mobile_vla_ros.errors import one_line

LARGEST = 4 << 20  # characters of a file, and of what it says with every alias written out
LONGEST = 64  # characters of a whole number; 1:1:1:... takes time by the square of its length
FAULTS = (yaml.YAMLError, ValueError, ArithmeticError, LookupError, AttributeError, TypeError,
          RecursionError)  # of PyYAML, and those it lets through for a tag without a value


class _Loader(yaml.SafeLoader):
    """The safe loader of PyYAML, which alone does not measure what it is given."""

    refusal = ''  # why aliases are refused; '': they are not

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node; raises a ValueError for an alias if aliases are refused."""
        if self.refusal and self.check_event(yaml.AliasEvent):
            raise ValueError(f'line {self.peek_event().start_mark.line + 1}: {self.refusal}')
        return super().compose_node(parent, index)

    def get_single_node(self) -> yaml.Node | None:
        """
        Return the document's node.

        :raises ValueError: if its aliases stand for too much, or for something that they are in.
        """
        node = super().get_single_node()
        if node is not None:
            _measure(node, {})
        return node

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Return a whole number; raises a ValueError for one that is too long."""
        if len(node.value) > LONGEST:
            raise ValueError(f'line {node.start_mark.line + 1}: a number has {len(node.value)} '
                             f'characters, more than {LONGEST}')
        return super().construct_yaml_int(node)


_Loader.add_constructor('tag:yaml.org,2002:int', _Loader.construct_yaml_int)


def _measure(node: yaml.Node, known: dict[int, int | None]) -> int:
    """Return how many characters and values a node stands for; `known` has those of others."""
    if isinstance(node, yaml.ScalarNode):
        return 1 + len(node.value)
    if id(node) in known:
        size = known[id(node)]
        if size is None:
            raise ValueError(f'line {node.start_mark.line + 1}: an alias stands for what it is in')
        return size
    known[id(node)] = None
    inside = node.value if isinstance(node, yaml.SequenceNode) else [
        each for pair in node.value for each in pair]
    size = 1
    for each in inside:
        size += _measure(each, known)
        if size > LARGEST:
            raise ValueError(f'line {node.start_mark.line + 1}: its aliases stand for more than '
                             f'{LARGEST} characters; write out what is meant')
    known[id(node)] = size
    return size


def _parse(method: str, text: str, refusal: str = '') -> Any:
    """Return what a method of the loader makes of a text; raises as `load`."""
    try:
        if len(text) > LARGEST:
            raise ValueError(f'more than {LARGEST} characters')
        loader = _Loader(text)
        loader.refusal = refusal
        return getattr(loader, method)()
    except FAULTS as error:
        what = 'nested too deeply' if isinstance(error, RecursionError) else error
        raise ValueError(one_line(what, 300)) from error


def load(text: str) -> Any:
    """
    Return the content of a YAML text, as plain values.

    :raises ValueError: in one line, if it is not YAML or its aliases stand for too much.
    """
    return _parse('get_single_data', text)


def compose(text: str, aliases: str = '') -> yaml.Node | None:
    """
    Return the node of a YAML text, None for an empty one.

    :param aliases: why aliases are refused; empty: they are not.
    :raises ValueError: as `load`.
    """
    return _parse('get_single_node', text, aliases)


def read_text(path: Path | str) -> str:
    """
    Return the text of a file in UTF-8.

    :raises ValueError: if it is not UTF-8, or larger than LARGEST.
    """
    with open(path, 'rb') as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f'more than {LARGEST} bytes')
    return content.decode('utf-8-sig')


def read_yaml(path: Path | str, wanted: str) -> dict[str, Any]:
    """
    Return the mapping in a YAML file; its keys are texts.

    :param wanted: what such a file holds, for the error.
    :raises FileNotFoundError: if there is no file.
    :raises ValueError: as `load`, or if the file is not a mapping of names.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no file at {path}')
    try:
        content = load(read_text(path))
    except ValueError as error:
        raise ValueError(f'{path}: not YAML ({error})') from error
    if not isinstance(content, dict) or not content \
            or not all(isinstance(name, str) for name in content):
        raise ValueError(f'{path}: {wanted}, got {content!r:.80}')
    return content
