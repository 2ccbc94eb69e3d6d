"""What is done to an instruction before anything reads it, and which language it is in."""

import re
import unicodedata

MAX_LENGTH = 512  # characters


def normalise(text: str) -> str:
    """Return NFC text without control characters, its white space collapsed, cut to a cap."""
    # Cut before the expensive part: composing 1 MB of combining characters takes seconds.
    text = unicodedata.normalize('NFC', text[:4 * MAX_LENGTH])
    text = ''.join(' ' if char.isspace() else char for char in text
                   if char.isspace() or unicodedata.category(char)[0] != 'C')
    return ' '.join(text.split())[:MAX_LENGTH].rstrip()


def language_of(text: str) -> str:
    """Return 'ko' for a text with Hangul in it, 'en' for every other."""
    return 'ko' if re.search('[가-힣]', text) else 'en'
