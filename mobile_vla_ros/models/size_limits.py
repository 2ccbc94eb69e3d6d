"""The sizes that a checkpoint or a strategy may ask for, checked before memory is taken."""

WIDEST = 1024  # values of a layer; the shipped ones have 256 at most
CHUNK = 1000  # commands at once
AGES = 32  # earlier frames
OLDEST_S = 60


def check_number(name: str, value: object, low: float, high: float, whole: bool = False) -> None:
    """
    Check a number.

    :raises ValueError: naming the value and what is allowed.
    """
    right = type(value) is int or (type(value) is float and not whole)  # and True is neither
    if not (right and isinstance(value, (int, float)) and low <= value <= high):
        kind = 'whole number' if whole else 'number'
        raise ValueError(f'{name} must be a {kind} within {low}..{high}, got {value!r:.80}')


def check_ages(values: object) -> None:
    """
    Check the ages of the earlier frames, s.

    :raises ValueError: naming the value and what is allowed.
    """
    if not isinstance(values, (list, tuple)) or not 1 <= len(values) <= AGES or not all(
            type(age) in (int, float) and 0 < age < OLDEST_S for age in values):
        raise ValueError(f'history_s must be a list of 1 to {AGES} ages, each more than 0 and '
                         f'less than {OLDEST_S} s, got {values!r:.80}')
