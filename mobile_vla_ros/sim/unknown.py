"""
Words for sides and colours that the simulated task does not have.

An instruction that asks for an unknown side or colour must not pass as one that names none. Words
about something else, such as a white box or a line on the floor, are left alone.
"""

from collections.abc import Sequence
import re

from mobile_vla_ros.sim.language import COLOR_WORDS, negation, parse_instruction

COLORS = frozenset(
    'pink orange white black grey gray brown cyan magenta turquoise teal beige navy maroon indigo '
    'crimson scarlet gold golden silver tan lime olive lilac lavender mauve fuchsia amber '
    'burgundy ivory khaki charcoal coral salmon peach rose mint ochre aqua aquamarine azure '
    'cobalt emerald ruby jade chartreuse vermilion bronze copper cream reddish yellowish greenish '
    'bluish purplish pinkish'.split())
TARGETS = frozenset('bottle bottles one ones flask flasks target goal'.split())
# What may follow a colour that stands alone for the bottle: 'go to pink and stop'.
AFTER = frozenset('and or then but via by on at to in with from is as please first after before '
                  'going passing while when along around past'.split())
KNOWN = frozenset(word for words in COLOR_WORDS['en'].values() for word in words)
SIDES = (
    r'\b(?:leftwards?|rightwards?|left-?most|right-?most|lefthand|righthand|leftside|rightside)\b',
    r'\b(?:counter|anti)?-?clockwise\b',
    r'\b(?:north|south|east|west)(?:ern|wards?)?\b', r'\bstarboard\b', r'\bport[ -]side\b',
    r'\bto port\b',
    r'\b(?:top|bottom|upper|lower|far|near|front|back|rear|inner|outer|middle|cent(?:er|re)|other'
    r'|opposite|wrong)[ -](?:hand )?side\b',
    r'\b(?:over|under|underneath|above|below|beneath|through|between) '
    r'(?:the |a |both |two )*(?:box|boxes|crate|crates|obstacle|obstacles)\b',
    r'\b(?:through|by|via|down|along|take|keep to) (?:the )?(?:middle|cent(?:er|re))\b',
    r'\bmiddle of the (?:box|boxes|crate|crates|obstacle|obstacles)\b',
    '좌회전', '우회전', '좌현', '우현', '왼손', '오른손', '왼 쪽', '오른 쪽', '좌 측', '우 측',
    '동쪽', '서쪽', '남쪽', '북쪽', '위쪽', '윗쪽', '아래쪽', '가운데로', '중앙으로', '중간으로',
    '시계 ?방향', '레프트', '라이트', '(?<![가-힣])(?:좌로|우로|위로|밑으로|아래로|사이로)')
KOREAN = (
    '분홍', '핑크', '주황', '오렌지', '흰', '하얀', '하얗', '하양', '검은', '검정', '까만',
    '까망', '연두', '베이지', '네이비', '청록', '카키', '민트', '자홍', '빨강', '노랑', '파랑',
    '레드', '블루', '그린', '옐로', '퍼플', '바이올렛', '화이트', '블랙', '보랏', '자줏', '누런',
    '시커먼', '새하얀', '새까만', '잿빛')
# A word that ends like this is a colour, except for these.
KOREAN_COLOR, KOREAN_OTHER = '색', ('검색', '탐색', '수색', '모색', '어색', '특색', '염색')
KOREAN_TARGETS = ('병', '물병', '페트병', '보틀', '거', '것', '놈', '녀석', '목표')
KOREAN_TAILS = (
    '', '으로', '로', '까지', '에', '을', '를', '이', '가', '은', '는', '쪽', '앞', '옆', '한테',
    '에게', '인', '의', '빛')


def refuse_unknown(text: str) -> None:
    """
    Refuse an instruction whose side or bottle is unknown, or that says what not to do.

    :raises ValueError: naming the unknown word and the known ones, or the words that say what
        not to do.
    """
    side, _ = parse_instruction(text)
    if word := unknown_color(text):
        raise ValueError(f'the instruction {text!r:.200} asks for {word!r}, a colour that is not '
                         f'known here; known are {", ".join(COLOR_WORDS["en"])} '
                         f'({", ".join(words[0] for words in COLOR_WORDS["ko"].values())})')
    if words := negation(text):
        raise ValueError(f'the instruction {text!r:.200} says what not to do ({words}): say only '
                         'what to do')
    if side is None and (word := unknown_side(text)):
        raise ValueError(f'the instruction {text!r:.200} says {word!r}, a side that is not known '
                         'here; say left or right (왼쪽, 오른쪽)')


def unknown_side(text: str) -> str | None:
    """Return the first words for a side other than left and right, None if there are none."""
    match = re.search('|'.join(SIDES), text.lower())
    return match[0] if match else None


def unknown_color(text: str) -> str | None:
    """Return the first unknown word for the colour of a bottle, None if there is none."""
    # Words and the marks that end a phrase; 'pink-coloured' is two words.
    tokens = re.findall(r"[a-z']+|[가-힣]+|[.,;:!?]", text.lower())
    for i, token in enumerate(tokens):
        rest = tokens[i + 1:]
        if token in COLORS and _means_target(rest):
            return token
        if word := _korean_color(token, rest):
            return word
    return None


def _means_target(rest: Sequence[str]) -> bool:
    """Tell by the words after a colour whether it is the bottle's."""
    rest = [word for word in rest if word not in ('coloured', 'colored', 'color', 'colour')]
    for i, token in enumerate(rest[:3]):
        if token in TARGETS:
            return True
        if token in KNOWN:
            return False  # 'navy blue': a shade of what is known
        if token in AFTER or not token.isalpha():
            return i == 0  # otherwise it belongs to the word before, such as a box
    return not rest


def _korean_color(token: str, rest: Sequence[str]) -> str | None:
    """Return the word if it is an unknown colour of a bottle."""
    if any(word in token for words in COLOR_WORDS['ko'].values() for word in words):
        return None
    stem = next((word for word in KOREAN if token.startswith(word)), None)
    if stem is None:
        head, mark, _ = token.partition(KOREAN_COLOR)
        if not head or not mark or head + mark in KOREAN_OTHER:
            return None
        stem = head
    tail = token[len(stem):].removeprefix(KOREAN_COLOR).removeprefix('깔')
    if tail.startswith(KOREAN_TARGETS) or tail and tail in KOREAN_TAILS:
        return token
    if tail:
        return None
    for word in rest[:2]:
        if word.startswith(KOREAN_TARGETS):
            return token
    return None if rest and rest[0][0].isalpha() else token
