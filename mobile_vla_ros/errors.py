"""The error of an unusable message, and errors in one line."""

from mobile_vla_ros.environment.packages import missing

MOST = 200  # characters of an error, which a library may make long
REMEDIES: dict[type[OSError], str] = {
    FileNotFoundError: '; check the name',
    FileExistsError: '; name another one',
    IsADirectoryError: '; name a file, not a folder',
    NotADirectoryError: '; a part of this path is a file, not a folder',
    PermissionError: '; you may not read or write there'}


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


def of_system(error: OSError) -> str:
    """Return what the system says of a file, and what to do about it where that is known."""
    if error.strerror is None or error.filename is None:
        return str(error)
    remedy = next((text for kind, text in REMEDIES.items() if isinstance(error, kind)), '')
    return f'{error.filename}: {error.strerror.lower()}{remedy}'


def summary_of(error: BaseException) -> str:
    """Return the name of an error's type and its first line."""
    return f'{type(error).__name__}: {first_line(error)}'


def one_line(error: BaseException | str, most: int | None = MOST) -> str:
    """
    Return the whole text of an error on one line, or the name of its type if it has no text.

    :param most: characters, after which it is cut; None: it is not cut.
    """
    return ' '.join(str(error).split())[:most] or type(error).__name__
