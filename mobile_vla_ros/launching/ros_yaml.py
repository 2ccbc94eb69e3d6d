"""YAML values, typed as ROS types them; read without ROS."""

import re
from typing import Any

import yaml

QUOTES = ('"', "'")
TRUE = ('y', 'yes', 'true', 'on')
FALSE = ('n', 'no', 'false', 'off')
INTEGER = re.compile(r'[+-]?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)')
FLOAT = re.compile(r'[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?', re.IGNORECASE)
UNBOUNDED = re.compile(r'([+-]?)\.?(inf|infinity|nan)', re.IGNORECASE)


def value_of(node: yaml.Node | None, is_text: bool = False) -> Any:
    """
    Return the value of a YAML node, typed as ROS types it.

    :param is_text: keep one word as it was written, for a parameter that is text.
    :raises ValueError: if there is no value, or it holds names.
    """
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        raise ValueError('a list may not hold names')
    if not isinstance(node, yaml.ScalarNode) or not node.value and node.style not in QUOTES:
        raise ValueError("there is no value; write '' for an empty text")
    return node.value if is_text or node.style in QUOTES else typed(node.value)


def typed(text: str) -> bool | int | float | str:
    """Return text without quotes as the bool, int or float that ROS reads, else as it is."""
    for words, value in ((TRUE, True), (FALSE, False)):
        if text in words or text.lower() in words and text in (text.upper(), text.capitalize()):
            return value
    if INTEGER.fullmatch(text):
        return _integer(text)
    if FLOAT.fullmatch(text):
        return float(text)
    unbounded = UNBOUNDED.fullmatch(text)
    return float(unbounded[1] + unbounded[2]) if unbounded else text


def _integer(text: str) -> int | float | str:
    """Return a whole number; one beyond 64 bits becomes a float, or stays text if not decimal."""
    digits = text.lstrip('+-')
    base = 16 if digits[:2] in ('0x', '0X') else 8 if digits[0] == '0' else 10
    value = int(digits, base) * (-1 if text[0] == '-' else 1)
    if -2**63 <= value < 2**63:
        return value
    return float(value) if base == 10 else text
