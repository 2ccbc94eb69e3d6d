"""The task in words, English and Korean, and from words back to the task."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
import re

import numpy as np

from mobile_vla_ros.sides import EXCHANGED, mirrored, without_idioms

Sentences = Mapping[str, tuple[str, ...]]  # by language
Names = Mapping[str, Mapping[str, tuple[str, ...]]]  # language -> name -> its words
SIDE_WORDS: Names = {
    'en': {'left': ('left',), 'right': ('right',)},
    'ko': {'left': ('왼쪽', '좌측', '왼편'), 'right': ('오른쪽', '우측', '오른편')},
}
COLOR_WORDS: Names = {
    'en': {'red': ('red',), 'yellow': ('yellow',), 'green': ('green',), 'blue': ('blue',),
           'purple': ('purple', 'violet')},
    'ko': {'red': ('빨간', '빨간색', '붉은'), 'yellow': ('노란', '노란색'),
           'green': ('초록', '초록색', '녹색'), 'blue': ('파란', '파란색', '푸른'),
           'purple': ('보라', '보라색', '자주색')},
}

# A sentence is a way to pass, a way to finish, and a joint between them.
PASS: Sentences = {
    'en': ('pass the box on the {side}', 'go around the box on the {side} side',
           'drive {side} around the box', 'keep to the {side} of the box',
           'take the {side} side of the boxes', 'move past the obstacle on the {side}',
           'steer {side} of the box', 'go {side} past the boxes',
           'avoid the box on the {side} side', 'drive by the {side} side of the crate',
           'use the {side} side to get past the box', 'turn to the {side} of the obstacle',
           'round the boxes from the {side}', 'slip by the crate on the {side}',
           'take a detour to the {side} of the obstacle', 'walk the {side} edge of the box'),
    'ko': ('상자 {side}으로 지나', '상자를 {side}으로 돌아', '박스 {side}으로 가',
           '장애물 {side}으로 피해', '상자의 {side}을 지나', '{side}으로 상자를 지나',
           '{side}으로 돌아', '{side}으로 장애물을 돌아', '박스를 {side}으로 피해',
           '상자 {side} 길로 가', '{side}으로 비켜 지나', '상자 {side}편을 돌아',
           '{side} 방향으로 박스를 통과해', '상자를 피해 {side}으로 우회해',
           '{side}을 따라 상자를 지나', '장애물의 {side} 방향을 택해 지나'),
}
FINISH: Sentences = {
    'en': ('stop at the {color} bottle', 'go to the {color} bottle',
           'drive to the {color} bottle', 'reach the {color} bottle',
           'approach the {color} bottle', 'halt in front of the {color} bottle',
           'stop next to the {color} one', 'find the {color} bottle',
           'park before the {color} bottle', 'head for the {color} bottle',
           'finish at the {color} bottle', 'move up to the {color} bottle',
           'end up by the {color} bottle', 'look for the {color} bottle'),
    'ko': ('{color} 병 앞에 멈춰', '{color} 병으로 가', '{color} 병까지 가',
           '{color} 병 앞으로 가', '{color} 병에 가서 서', '{color} 병 옆에 멈춰',
           '{color} 물병으로 가', '{color} 병을 찾아가', '{color} 병 쪽으로 이동해',
           '{color} 병까지 이동해', '{color} 병에 도착해', '{color} 병에 다가가',
           '{color} 병 가까이 가', '{color} 병을 향해 가', '{color} 병 앞에서 정지해',
           '{color} 병 곁에 가서 서'),
}
# {0} passes, {1} finishes.
JOINT: Sentences = {
    'en': ('{0} and {1}', '{0}, then {1}', '{0} and then {1}', '{0}. {1}', '{1}: {0}',
           '{1}, but {0}', '{1}, and {0} on the way', 'to {1}, {0}', '{1}; {0}',
           'please {0} and {1}', 'first {0}, after that {1}', 'robot, {0} and {1}',
           'can you {0} and {1}?'),
    'ko': ('{0}서 {1}', '{0}서 {1}줘', '{0}. {1}', '{0}고 {1}', '{0} 그리고 {1}',
           '{1}, {0}서', '{0}서 {1}라', '먼저 {0}서 {1}', '우선 {0}고 그다음 {1}',
           '로봇아, {0}서 {1}줘', '{0}서 {1} 줄래?', '{1}. 갈 때는 {0}'),
}
# Whole sentences that no pass-and-finish pair gives.
WHOLE: Sentences = {
    'en': ('{color} bottle, {side} side', '{side}, {color} bottle',
           'go {side} to the {color} bottle', 'the {color} bottle via the {side} of the box',
           'bring the robot to the {color} bottle along the {side} side of the box',
           'get to the {color} bottle by going {side} around the obstacle',
           '{color} bottle on the {side} path', 'drive {side}, target {color} bottle',
           'follow the {side} side until the {color} bottle',
           'with the box passed on the {side}, go to the {color} bottle',
           'navigate to the {color} bottle, going {side} of the crate',
           'your goal is the {color} bottle; choose the {side}',
           'I want you at the {color} bottle, by the {side} of the box'),
    'ko': ('{side}, {color} 병', '{color} 병, {side}', '{side} 길로 {color} 병까지',
           '{side}으로 {color} 병까지 가', '{color} 병까지 {side}으로 돌아서 가',
           '상자 {side}으로 {color} 병까지 운전해', '{color} 병에 {side}으로 접근해',
           '목표는 {color} 병, {side} 길', '{side}으로 우회하여 {color} 병까지 이동하세요',
           '{color} 병으로 갈 때 상자의 {side}을 이용해',
           '{side}을 통해서 {color} 병에 도달하세요'),
}
LANGUAGES = tuple(WHOLE)
TABLES: tuple[Sentences, ...] = (JOINT, PASS, FINISH)
_NEGATED = re.compile(
    r"\b(?:do|does|must|should|ca|wo)n[o']?t\b|\b(?:not|never|without|except|ignore)\b"
    r'|\bavoid(?:ing)?\s+(?:the\s+)?(?:\w+\s+)?(?:bottle|car|left|right)\b'
    r'|\binstead\s+of\b|말고|지\s?마|지\s?않|아니|빼고|제외', re.IGNORECASE)


def sample(side: str, color: str, rng: np.random.Generator, language: str | None = None) -> str:
    """Return one of thousands of sentences for the task, in a drawn language if none is named."""
    language = language or str(rng.choice(LANGUAGES))
    if rng.random() < 0.2:
        template = str(rng.choice(WHOLE[language]))
    else:
        joint, first, last = (str(rng.choice(table[language])) for table in TABLES)
        template = joint.format(first, last)
    text = template.format(side=rng.choice(SIDE_WORDS[language][side]),
                           color=rng.choice(COLOR_WORDS[language][color]))
    if language == 'en' and rng.random() < 0.5:
        text = text[0].upper() + text[1:]
    return text + '.' if rng.random() < 0.3 else text


def parse_instruction(text: str) -> tuple[str | None, str | None]:
    """
    Return the (side, colour) that the words ask for, None for a part that they do not name.

    A sentence that says what not to do gives neither: what it asks for is not plain.

    :raises ValueError: if they name two sides or two colours.
    """
    if negation(text):
        return None, None
    return _named(without_idioms(text), SIDE_WORDS, 'side'), _named(text, COLOR_WORDS, 'colour')


def negation(text: str) -> str:
    """Return the first words that say what not to do, '' if there are none."""
    match = _NEGATED.search(text)
    return match[0].strip() if match else ''


def is_task(text: str) -> bool:
    """Tell whether `sample` can make this sentence: then nothing in it says anything else."""
    plain = text.strip().rstrip('.').lower()
    return any(pattern.fullmatch(plain) for pattern in _sentences())


@lru_cache(maxsize=1)
def _sentences() -> list[re.Pattern[str]]:
    def any_of(texts: Iterable[str], **fill: str) -> str:
        out = '|'.join(re.escape(text.lower()) for text in texts)
        for name, words in fill.items():
            out = out.replace(re.escape(f'{{{name}}}'), f'(?:{words})')
        return out
    patterns = []
    tables: tuple[tuple[str, Names], ...] = (('side', SIDE_WORDS), ('color', COLOR_WORDS))
    for language in LANGUAGES:
        words = {name: any_of(word for words in table[language].values() for word in words)
                 for name, table in tables}
        first, last = (any_of(table[language], **words) for table in TABLES[1:])
        patterns.append(re.compile(any_of(WHOLE[language], **words)))
        patterns.append(re.compile(any_of(JOINT[language], **{'0': first, '1': last})))
    return patterns


def swap_sides(text: str) -> str | None:
    """Return `text` with left and right exchanged, None if that cannot be done for sure."""
    kind, other = mirrored(text)
    return other if kind == EXCHANGED else None


def _named(text: str, tables: Names, what: str) -> str | None:
    """Return the one name in `tables` whose words are in the text, None if there is none."""
    lowered = text.lower()
    named = set()
    for language, table in tables.items():
        for name, words in table.items():
            for word in words:
                pattern = rf'\b{word}\b' if language == 'en' else word
                if re.search(pattern, lowered):
                    named.add(name)
    if len(named) > 1:
        raise ValueError(f'the instruction {text!r} names more than one {what}: '
                         f'{", ".join(sorted(named))}; name one')
    return named.pop() if named else None
