"""Messages that cannot be read: the error, and how many there were of which kind."""

from collections import Counter

SHOWN = 3  # kinds in a sentence


class MessageError(ValueError):
    """A message contradicts itself or is nothing this package reads; `kind` is for counting."""

    def __init__(self, kind: str, text: str, what: str = ''):
        """Carry a short kind, and in a few words what is wrong, beside the text."""
        super().__init__(text)
        self.kind, self.what = kind, what or kind


class Unreadable:
    """Counts pictures that could not be read, by what was wrong with them."""

    def __init__(self):
        """Know of none."""
        self.counts = Counter()

    def __len__(self):
        return sum(self.counts.values())

    def add(self, error: Exception) -> None:
        """Count one, with the error that it raised."""
        self.counts[getattr(error, 'what', type(error).__name__)] += 1

    def words(self, frames: int) -> str:
        """Say in how many of so many frames what was wrong; '' if nothing was."""
        if not self.counts:
            return ''
        shown = self.counts.most_common(SHOWN)
        rest = len(self) - sum(count for _, count in shown)
        causes = [what if len(self.counts) == 1 else f'{what} ({count})' for what, count in shown]
        return (f'{len(self)} of {frames} frames cannot be read: ' + ', '.join(causes)
                + (f', other ({rest})' if rest else ''))
