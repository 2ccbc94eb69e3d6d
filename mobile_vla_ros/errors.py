"""The error of a message that cannot be used."""


class MessageError(ValueError):
    """A message contradicts itself or is nothing this package reads; `kind` is for counting."""

    def __init__(self, kind: str, text: str, what: str = ''):
        """Carry a short kind, and in a few words what is wrong, beside the text."""
        super().__init__(text)
        self.kind, self.what = kind, what or kind
