"""Words that pages and messages share."""

from collections.abc import Sequence

from mobile_vla_ros.contract import AXES, UNITS

MOTIONS = dict(zip(AXES, ('forward', 'sideways', 'turning')))  # the axes in a reader's words
COUNTS = ('No', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine', 'Ten')


def counted(count: int, noun: str) -> str:
    """Return a count and what is counted, in singular or plural: '1 recording', '3 recordings'."""
    return f'{count} {noun}{"s" * (count != 1)}'


def first_of(texts: Sequence[str], most: int = 3, between: str = ', ') -> str:
    """Return the first texts, and how many more there are: 'a, b, c and 2 more'."""
    more = f' and {len(texts) - most} more' if len(texts) > most else ''
    return between.join(texts[:most]) + more


def in_words(count: int) -> str:
    """Return a count as a sentence begins with it: 'Two', '12'."""
    return COUNTS[count] if count < len(COUNTS) else str(count)


def axis_heads(units: bool = True) -> list[str]:
    """Return the axes as heads of columns."""
    return [f'{MOTIONS[axis]}{f" ({unit})" * units}' for axis, unit in zip(AXES, UNITS)]
