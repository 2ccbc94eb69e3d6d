"""How many pictures could not be read, of how many, and why: the same words in every verb."""

from collections import Counter

from mobile_vla_ros.errors import MessageError
from mobile_vla_ros.images.decode import describe_encoding
from mobile_vla_ros.images.encodings import ASSUMED

UNSURE = {*ASSUMED} - {'8UC1'}  # one channel of 8 bits is grey; of 16 it may be distances
KINDS = 50  # of causes that are told apart
SHOWN = 3  # causes in a sentence
REMEDY = 'have the camera send rgb8, bgr8, yuv422_yuy2, nv12 or JPEG'


class Tally:
    """Counts the pictures that are read through it, and what is wrong with some."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.frames = 0
        self.causes = Counter()  # what is wrong: pictures
        self.assumed = Counter()  # what is taken for what, as the encoding names no colours

    @property
    def unreadable(self) -> int:
        """Return how many could not be read."""
        return sum(self.causes.values())

    def read(self, read, msg):
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

    def count(self, msg, error: Exception | None = None) -> None:
        """Count a picture that was read, or could not be."""
        self.frames += 1
        if error is not None:
            self.add(error)
        elif getattr(msg, 'encoding', '') in UNSURE:
            self.assumed[describe_encoding(msg)] += 1

    def add(self, error: Exception) -> None:
        """Take a picture that was counted for one that cannot be read after all."""
        what = getattr(error, 'what', 'damaged')
        self.causes[what if what in self.causes or len(self.causes) < KINDS else 'other'] += 1

    @property
    def words(self) -> str:
        """Say in how many of how many frames what was wrong; '' if nothing was."""
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
        """Say what is taken for what; '' if every encoding names its colours."""
        return ', '.join(sorted(self.assumed))

    def reason(self, otherwise: str) -> str:
        """Return why nothing came of the pictures: that they cannot be read, or `otherwise`."""
        if not self.causes:
            return otherwise
        told = f'{self.words}; {self.remedy}'
        return told if self.unreadable == self.frames else f'{otherwise}; {told}'
