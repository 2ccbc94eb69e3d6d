"""Left and right in words: exchanged, no side at all, or not certain."""

import numpy as np
import pytest

from mobile_vla_ros.data.checkup import Checkup
from mobile_vla_ros.data.doctor import verdicts
from mobile_vla_ros.sides import EXCHANGED as YES, mirrored, NONE, UNSURE as MAYBE
from mobile_vla_ros.sim import language
from mobile_vla_ros.sim.scenario import COLORS, SIDES
from mobile_vla_ros.sim.unknown import refuse_unknown

EXCHANGED = {
    'take the leftmost gap': 'take the rightmost gap', 'veer leftwards': 'veer rightwards',
    'all right, go to the door on the left': 'all right, go to the door on the right',
    'overtake on the left, then stop right there': 'overtake on the right, then stop right there',
    'Turn LEFT, left-hand': 'Turn RIGHT, right-hand',
    'turn right at the corner': 'turn left at the corner',
    'keep to the left-hand side': 'keep to the right-hand side', 'keep lefthand': 'keep righthand',
    'starboard side': 'port side',
    'hard to port': 'hard to starboard', 'go left, then right': 'go right, then left',
    'never go left': 'never go right', 'follow the right wall': 'follow the left wall',
    'turn anticlockwise': 'turn clockwise',
    'turn clockwise': 'turn counterclockwise', 'turn counter-clockwise': 'turn clockwise',
    '좌회전해서 가': '우회전해서 가', '왼 쪽으로 가': '오른 쪽으로 가', '좌로 돌아': '우로 돌아',
    '왼손 쪽 벽을 따라가': '오른손 쪽 벽을 따라가', '시계 방향으로 돌아': '반시계 방향으로 돌아',
    '오른쪽 말고 왼쪽으로': '왼쪽 말고 오른쪽으로', '우현 쪽으로': '좌현 쪽으로'}
NO_SIDE = ['stop right in front of the bottle', 'go right away', 'bring what is left over',
           'nobody is left there', 'the boxes that are left', '우유 병 앞에 서', '우체국까지 가',
           'follow the corridor', 'go to the bright light', '우선 앞으로 가', '좌석 옆에 멈춰',
           '우회해서 가', '매우 천천히 가', '좌우를 살펴', 'stop 2 m before the box']
UNSURE = ['turn right in front of the bottle', 'go right by the box', 'go to the door, right?',
          'take the right answer',
          'follow the wall to the east', 'turn by 30 degrees', 'turn 90° here', "at 3 o'clock",
          '3시 방향으로', '동쪽으로', 'links abbiegen', 'à gauche', '左へ', 'lft to the box',
          'the lefft door', 'turn rihgt', 'turn L', 'go 👈', 'to the USB port', '바른쪽으로',
          'lefty loosey', '레프트로 가']


@pytest.mark.parametrize('text', EXCHANGED)
def test_sides_are_exchanged(text):
    assert mirrored(text) == (YES, EXCHANGED[text])
    assert language.swap_sides(text) == EXCHANGED[text]


@pytest.mark.parametrize('text', NO_SIDE)
def test_where_there_is_no_side_the_words_stay(text):
    assert mirrored(text) == (NONE, text) and language.swap_sides(text) is None


@pytest.mark.parametrize('text', UNSURE)
def test_what_may_be_a_side_is_not_mirrored_and_the_doctor_says_so(text):
    assert mirrored(text) == (MAYBE, text) and language.swap_sides(text) is None
    found = Checkup('a', instructions=[text, 'go left'], commands=np.eye(3))
    said, = (what for _, what, *_ in verdicts([found]) if 'may mean a side' in what)
    assert said.endswith(f': {text!r}')


def test_every_sentence_of_the_simulator_has_its_mirror():
    rng = np.random.default_rng(0)
    for number in range(1500):
        side, color = number % 2, COLORS[number % len(COLORS)]
        text = language.sample(SIDES[side], color, rng)
        kind, other = mirrored(text)
        assert kind == YES
        assert language.parse_instruction(other) == (SIDES[1 - side], color), text
        assert mirrored(other) == (YES, text)
        assert language.is_task(text) and not language.is_task(f'never {text}')


@pytest.mark.parametrize('text, task', [
    ("don't go left, go to the red bottle", (None, None)),
    ('not the red bottle: follow the left wall', (None, None)),
    ('왼쪽으로 가지 말고 빨간 병 앞에 멈춰', (None, None)),
    ('never go left, avoid the red car', (None, None)),
    ('stop right in front of the red bottle', (None, 'red')),
    ('go right now to the red bottle', (None, 'red')),
    ('go right to the red bottle', ('right', 'red'))])
def test_what_is_not_asked_for_is_no_task(text, task):
    assert language.parse_instruction(text) == task


def test_the_simulator_refuses_what_not_to_do():
    with pytest.raises(ValueError, match=r"says what not to do \(don't\): say only what to do"):
        refuse_unknown("don't go left")
