"""
Finds left and right in English and Korean words, and exchanges them.

A policy learns from the mirror image of a recording too. Its words must then name the other side,
or no side. If they may name a side that is not known here, the recording is not mirrored.
"""

from functools import lru_cache
import re
from typing import NamedTuple

EXCHANGED, NONE, UNSURE = 'exchanged', 'none', 'unsure'

# These name no side: idioms, and words that do only where somebody is told to turn.
_IDIOMS = re.compile(
    r"right\s+(?:away|now|then)\b|\b(?:all|that'?s|is that)\s+right\b|\balright\b"
    r'|\bleft\s?overs?\b|\b(?:is|are|was|were|has|have|nothing|anything)\s+left\b'
    r'|\bleft\s+behind\b|좌우', re.IGNORECASE)
_NEARLY = re.compile(
    r'right\s+(?:in\s+front|before|after|behind|next\s+to|beside|at|by|up\s+to|there|here|into)\b',
    re.IGNORECASE)
_MOVES = re.compile(
    r'\b(?:turn|keep|bear|veer|steer|go|drive|move|stay|pass|swing|curve|head|cut|branch|exit)'
    r'(?:s|ing)?\s+$', re.IGNORECASE)
_TURNS_AT = re.compile(r'\b(?:turn|keep|bear|veer|steer)(?:s|ing)?\s+right\s+'
                       r'(?:at|before|after|into|by)$', re.IGNORECASE)
_HAND = r'(?:most|wards?|(?:[- ]?)hand(?:ed)?)?'
_ENGLISH = re.compile(
    rf'\b(?:left|right){_HAND}\b|\b(?:(?:anti|counter)[- ]?)?clockwise\b'
    r'|\bstarboard\b|\bport(?=[- ]?side\b)|(?<=\bto )port\b', re.IGNORECASE)
_KOREAN = re.compile(
    r'(?:왼|오른)(?=\s?(?:쪽|편|손|발|팔|벽|길|차선))'
    r'|(?<![가-힣])[좌우](?=측|회전|로(?![가-힣])|향|편|현|(?![가-힣]))|(?:반\s?)?시계(?=\s?방향)')
_OTHER = {'left': 'right', 'right': 'left', 'port': 'starboard', 'starboard': 'port',
          'clockwise': 'counterclockwise', '왼': '오른', '오른': '왼', '좌': '우', '우': '좌',
          '시계': '반시계'}
# These may name a side, and are not known above: abbreviations, other languages, places, hours.
_SUSPECT = re.compile(
    r"\b(?:left|right|port|larboard|starboard)\w*|\b(?:l|r|lft|lhs|rhs|rgt|rt)\b"
    r"|\b(?:north|south|east|west)\w*|\bo'?\s?clock\b|\b(?:near|off)side\b|\blanes?\b"
    r'|\b(?:links|rechts|gauche|droite|izquierda|derecha|sinistra|destra|esquerda|direita|kiri'
    r'|kanan|hidari|migi|lewo|prawo|venstre)\b'
    r'|\bdegrees?\b|[°←→↰↱⇐⇒⬅➡👈👉]'
    r'|왼|오른(?!다)|[동서남북]쪽|\d+\s?시\s?방향|차선|바른\s?[쪽편손]|레프트|라이트|도\s?(?:회전|돌)',
    re.IGNORECASE)
_CORRECT = re.compile(r'\bright\s*(?:\?|(?:answer|thing|time|place|order)\b)', re.I)
_KNOWN = frozenset(
    'lift loft heft deft weft cleft bereft let lets lent lest felt melt belt less leaf lefts '
    'bright fright wright eight fight light might night sight tight rights height weight'.split())


class Mirrored(NamedTuple):
    """EXCHANGED, NONE (no side is named) or UNSURE, and the text for the mirror image."""

    kind: str
    text: str


def mirrored(text: str) -> Mirrored:
    """Return whether a text names a side, and the text with left and right exchanged."""
    rest = _without_idioms(text)
    if rest is None or _CORRECT.search(rest):
        return Mirrored(UNSURE, text)
    out, kind = text, NONE
    matches = [*_ENGLISH.finditer(rest), *_KOREAN.finditer(rest)]
    for match in sorted(matches, key=lambda match: -match.start()):  # from the end: places hold
        kind = EXCHANGED
        rest = rest[:match.start()] + _blank(match) + rest[match.end():]
        out = out[:match.start()] + _exchange(match[0]) + out[match.end():]
    if _SUSPECT.search(rest) or any(map(_misspelt, re.findall('[a-z]+', rest.lower()))) \
            or any(char.isalpha() and not (char.isascii() or '가' <= char <= '힣')
                   for char in rest):
        return Mirrored(UNSURE, text)
    return Mirrored(kind, out)


def without_idioms(text: str) -> str:
    """Return a text with blanks for `right now` and the like, which name no side."""
    rest = _without_idioms(text)
    return text if rest is None else rest


def _without_idioms(text: str) -> str | None:
    """Return a text with blanks for idioms; None if an idiom may also name a side."""
    rest = _IDIOMS.sub(_blank, text)
    for match in _NEARLY.finditer(rest):
        if _TURNS_AT.search(rest[:match.end()]):
            continue  # 'turn right at the corner'
        if _MOVES.search(rest[:match.start()]):
            return None
        rest = rest[:match.start()] + _blank(match) + rest[match.end():]
    return rest


def _blank(match: re.Match[str]) -> str:
    return ' ' * len(match[0])


def _exchange(word: str) -> str:
    lowered = re.sub(r'\s', '', word.lower())
    if re.match('(anti|counter)', lowered):
        return _cased('clockwise', word)
    if lowered.startswith('반'):
        return '시계'
    stem = next(stem for stem in sorted(_OTHER, key=len, reverse=True)
                if lowered.startswith(stem))
    return _cased(_OTHER[stem], word) + word[len(stem):]


def _cased(word: str, like: str) -> str:
    return word.upper() if like.isupper() and like.isascii() and len(like) > 1 else \
        word.capitalize() if like[:1].isupper() else word


@lru_cache(maxsize=10_000)
def _misspelt(word: str) -> bool:
    """Tell whether a word is left or right with one letter too many, too few or wrong."""
    if word in _KNOWN or not 3 <= len(word) <= 6:
        return False
    return any(word != side and (
        sorted(word) == sorted(side) and word[0] == side[0] or _near(word, side))
        for side in ('left', 'right'))


def _near(word: str, side: str) -> bool:
    cuts = [(side[:i], side[i:]) for i in range(len(side) + 1)]
    letters = 'abcdefghijklmnopqrstuvwxyz'
    return any(word in (a + b[1:],) or any(word in (a + c + b[1:], a + c + b) for c in letters)
               for a, b in cuts)
