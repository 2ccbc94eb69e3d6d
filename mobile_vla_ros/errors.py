"""The error of a message that cannot be used, and what any error says in one line."""

from mobile_vla_ros.environment.packages import missing

MOST = 200  # characters of what a library says of a damaged file


class MessageError(ValueError):
    """A message contradicts itself or is nothing this package reads; `kind` is for counting."""

    def __init__(self, kind: str, text: str, what: str = '') -> None:
        """Carry a short kind, and in a few words what is wrong, beside the text."""
        super().__init__(text)
        self.kind, self.what = kind, what or kind


def first_line(error: BaseException | str) -> str:
    """
    Return the first line of an error, or the name of its type if it has no text.

    Of a missing package it is the command that installs it.
    """
    text = missing(error) if isinstance(error, ImportError) else str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0]


def summary_of(error: BaseException) -> str:
    """Return the name of an error's type and its first line."""
    return f'{type(error).__name__}: {first_line(error)}'


def one_line(error: BaseException | str, most: int | None = MOST) -> str:
    """
    Return all that an error says, on one line, or the name of its type if it has no text.

    :param most: characters, at which it is cut; None: it is not.
    """
    return ' '.join(str(error).split())[:most] or type(error).__name__
