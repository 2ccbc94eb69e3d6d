"""
What a terminal sends, as whole keys. Pure: no terminal, no clock.

Arrows, function keys, Alt and a key, mouse, focus and pasted text come as sequences of several
characters that begin with Escape. Their letters are not keys: here a sequence is one key. Formats:
ECMA-48, and https://invisible-island.net/xterm/ctlseqs/ctlseqs.html.
"""

import math
import re

UP, DOWN, LEFT, RIGHT, ESCAPE, UNKNOWN = 'up', 'down', 'left', 'right', 'escape', 'unknown'
ALONE_S = 0.2  # after which an Escape without more is the key itself
UNFINISHED_S = 2.0  # after which the rest of a sequence is not waited for
PASTES = '\x1b[?2004h', '\x1b[?2004l'  # asks a terminal to mark what is pasted; no longer

_SEQUENCE = re.compile(r"""
    \x1b(?: \[ (?![\[M]) [0-?]* [ -/]* [^0-?\ -/]   # CSI: arrows, focus, keys with modifiers
          | \[ \d+ \$                                 # rxvt's Shift and a key
          | \[\[ .                                  # function keys of the Linux console
          | \[M ...                                 # mouse: button, column, row
          | O [\d;]* [^\d;]                         # SS3: arrows and keypad in application mode
          | [\]P_^X] .*? (?: \x07 | \x1b\\ )        # OSC, DCS, APC, PM, SOS: a terminal's answers
          | [^\[O\]P_^X\x1b]                        # Alt and a key
    )""", re.VERBOSE | re.DOTALL)
_STRING = re.compile(r'\x1b[\]P_^X]')
_ARROWS = {f'\x1b{kind}{letter}': name for kind in '[O'
           for letter, name in zip('ABCD', (UP, DOWN, RIGHT, LEFT))}
# In one character instead of two; as a byte alone, which is no UTF-8, a decoder may pass them on.
_SHORT = {chr(base + code): long for base in (0, 0xdc00)
          for code, long in ((0x9b, '\x1b['), (0x8f, '\x1bO'))}


class Pasted(str):
    """A character that was pasted, not typed."""


class KeyReader:
    """Characters in, keys out: a character, one of the names above, or Pasted."""

    def __init__(self) -> None:
        """Begin between two keys."""
        self._sequence, self._began, self._pasting = '', -math.inf, False

    def feed(self, char: str, now: float) -> list[str]:
        """Take a character that came at `now`, s; return the keys that are whole by it."""
        keys = self.overdue(now)
        char = _SHORT.get(char, char)
        if not self._sequence and char == '[' and now - self._began < UNFINISHED_S:
            char = '\x1b['  # over a slow link its Escape came long before, and counted alone
        if char[0] == '\x1b' and not _STRING.match(self._sequence):
            self._sequence, self._began = char, now  # an unfinished one before it means nothing
        elif self._sequence:
            self._sequence += char
        else:
            return keys + [Pasted(char) if self._pasting else char]
        if _SEQUENCE.fullmatch(self._sequence):
            keys += self._finish()
        return keys

    def overdue(self, now: float) -> list[str]:
        """Return [ESCAPE] if it was pressed and no sequence came of it until `now`, s."""
        waited, unfinished = now - self._began, self._sequence
        if unfinished == '\x1b' and waited >= ALONE_S:
            self._sequence = ''
            return [UNKNOWN if self._pasting else ESCAPE]
        if unfinished and waited >= UNFINISHED_S:
            self._sequence = ''
        return []

    def _finish(self) -> list[str]:
        sequence, self._sequence, self._began = self._sequence, '', -math.inf
        if sequence in ('\x1b[200~', '\x1b[201~'):
            self._pasting = sequence == '\x1b[200~'
        return [UNKNOWN if self._pasting else _ARROWS.get(sequence, UNKNOWN)]
