"""The error of an unusable message, and errors in one line."""

from mobile_vla_ros.environment.packages import missing

MOST = 200  # characters of an error, which a library may make long


class MessageError(ValueError):
    """A message contradicts itself, or this package does not read it; `kind` is for counting."""

    def __init__(self, kind: str, text: str, what: str = '') -> None:
        """Carry a short kind, and a few words for what is wrong, beside the text."""
        super().__init__(text)
        self.kind, self.what = kind, what or kind


def first_line(error: BaseException | str) -> str:
    """
    Return the first line of an error, or the name of its type if it has no text.

    For a missing package it is the command that installs it.
    """
    text = missing(error) if isinstance(error, ImportError) else str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0]


def summary_of(error: BaseException) -> str:
    """Return the name of an error's type and its first line."""
    return f'{type(error).__name__}: {first_line(error)}'


def one_line(error: BaseException | str, most: int | None = MOST) -> str:
    """
    Return the whole text of an error on one line, or the name of its type if it has no text.

    :param most: characters, after which it is cut; None: it is not cut.
    """
    return ' '.join(str(error).split())[:most] or type(error).__name__
