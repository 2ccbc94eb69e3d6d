"""Says in the same words everywhere how many pictures could not be read, and why."""

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from mobile_vla_ros.errors import MessageError
from mobile_vla_ros.images.decode import describe_encoding
from mobile_vla_ros.images.encodings import ASSUMED

UNSURE = {*ASSUMED} - {'8UC1'}  # one channel of 8 bits is grey; of 16 it may be distances
KINDS = 50  # causes that are counted apart
SHOWN = 3  # causes in a sentence
REMEDY = 'have the camera send rgb8, bgr8, yuv422_yuy2, nv12 or JPEG'

Picture = TypeVar('Picture')


class Tally:
    """Counts the pictures that are read through it, and what is wrong with some."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.frames = 0
        self.causes: Counter[str] = Counter()  # pictures by what is wrong with them
        self.assumed: Counter[str] = Counter()  # pictures by what was assumed of their colours

    @property
    def unreadable(self) -> int:
        """Return how many could not be read."""
        return sum(self.causes.values())

    def read(self, read: Callable[[Any], Picture], msg: Any) -> Picture:
        """
        Return `read(msg)`, and count the picture.

        :raises MessageError: as `read`.
        """
        try:
            picture = read(msg)
        except MessageError as error:
            self.count(msg, error)
            raise
        self.count(msg)
        return picture

    def count(self, msg: Any, error: Exception | None = None) -> None:
        """Count a picture, with the error if it could not be read."""
        self.frames += 1
        if error is not None:
            self.add(error)
        elif getattr(msg, 'encoding', '') in UNSURE:
            self.assumed[describe_encoding(msg)] += 1

    def add(self, error: Exception) -> None:
        """Count an error of a picture that was counted as readable."""
        what = getattr(error, 'what', 'damaged')
        self.causes[what if what in self.causes or len(self.causes) < KINDS else 'other'] += 1

    @property
    def words(self) -> str:
        """Say how many of the frames cannot be read, and why; '' if all can."""
        if not self.causes:
            return ''
        shown = self.causes.most_common(SHOWN)
        rest = self.unreadable - sum(count for _, count in shown)
        causes = [what if len(self.causes) == 1 else f'{what} ({count})' for what, count in shown]
        return (f'{self.unreadable} of {self.frames} frames cannot be read: ' + ', '.join(causes)
                + (f', other ({rest})' if rest else ''))

    @property
    def remedy(self) -> str:
        """Say what to do about it."""
        odd = any(what.startswith(('encoding', 'format')) for what in self.causes)
        return REMEDY if odd else 'look at the camera, its driver and its cable'

    @property
    def assumption(self) -> str:
        """Say what was assumed of colours; '' if every encoding names its own."""
        return ', '.join(sorted(self.assumed))

    def reason(self, otherwise: str) -> str:
        """Return why there is no usable picture: they cannot be read, or else `otherwise`."""
        if not self.causes:
            return otherwise
        unreadable = f'{self.words}; {self.remedy}'
        return unreadable if self.unreadable == self.frames else f'{otherwise}; {unreadable}'
