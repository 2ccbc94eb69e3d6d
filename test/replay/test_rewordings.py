"""Other words for the same task, or for the other side."""

import pytest

pytest.importorskip('rosbags')
from support.bags import TEXT  # noqa: E402

from mobile_vla_ros.replay.rewordings import rewordings  # noqa: E402
from mobile_vla_ros.sim.language import parse_instruction, swap_sides  # noqa: E402


@pytest.mark.parametrize('text', [TEXT, '박스 좌측으로 가서 파란 병을 향해 가줘'])
def test_other_words_mean_the_same_task(text):
    words = rewordings(text)
    task = parse_instruction(text)
    assert parse_instruction(words['paraphrased']) == task
    assert parse_instruction(words['translated']) == task
    assert parse_instruction(words['swapped'])[0] != task[0]
    assert len({text, *words.values()}) == 5 and words == rewordings(text)
    assert words['paraphrased'].isascii() == text.isascii() != words['translated'].isascii()


@pytest.mark.parametrize('text, swapped', [
    ('Go Left of it', 'Go Right of it'), ('상자 왼쪽으로', '상자 오른쪽으로'),
    ('좌측, 빨간 병', '우측, 빨간 병'), ('go to the bright one', None)])
def test_sides_are_exchanged_in_words(text, swapped):
    assert swap_sides(text) == swapped
