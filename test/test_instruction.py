"""Which language an instruction is in."""

import unicodedata

import pytest

from mobile_vla_ros.instruction import language_of, normalise


@pytest.mark.parametrize('text,language', [
    ('go left', 'en'), ('왼쪽으로 가', 'ko'), ('go to the 빨간 bottle', 'ko'), ('가', 'ko'),
    ('힣', 'ko'), ('', 'en'), ('à gauche', 'en'), ('左に曲がる', 'en')])
def test_a_text_with_hangul_is_korean(text, language):
    assert language_of(text) == language


def test_hangul_in_parts_is_korean_once_it_is_normalised():
    parts = unicodedata.normalize('NFD', '왼쪽')
    assert len(parts) > 2 and language_of(normalise(parts)) == 'ko'
