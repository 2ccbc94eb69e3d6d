"""What is done to an instruction before anything reads it, and in which language it is."""

import tracemalloc
import unicodedata

from hypothesis import given, strategies as st
import pytest

from mobile_vla_ros.instruction import language_of, MAX_LENGTH, normalise


@pytest.mark.parametrize('text, want', [
    ('', ''), (' \t\n\x00\x1b', ''), ('go  left\n', 'go left'), ('a\x1b[31mb', 'a[31mb'),
    ('e\u0301', '\u00e9'), ('왼쪽으로', '왼쪽으로'),
    (unicodedata.normalize('NFD', '왼쪽'), '왼쪽'),
    ('a\u202eb', 'ab'), ('x' * 600, 'x' * MAX_LENGTH)])
def test_instructions_are_normalised(text, want):
    assert normalise(text) == want


@given(st.text())
def test_a_normalised_instruction_is_one_printable_line(text):
    once = normalise(text)
    assert len(once) <= MAX_LENGTH and once == ' '.join(once.split())
    assert not any(unicodedata.category(char)[0] == 'C' for char in once)


@pytest.mark.parametrize('char', ['a', '\u0301', '\x00', ' ', '\ud800'])
def test_a_megabyte_of_text_is_cheap(char):
    text = char * 1_000_000
    tracemalloc.start()
    normalise(text)  # whatever looks at all of it needs room for it
    assert tracemalloc.get_traced_memory()[1] < 200_000
    tracemalloc.stop()


@pytest.mark.parametrize('text,language', [
    ('go left', 'en'), ('왼쪽으로 가', 'ko'), ('go to the 빨간 bottle', 'ko'), ('가', 'ko'),
    ('힣', 'ko'), ('', 'en'), ('à gauche', 'en'), ('左に曲がる', 'en')])
def test_a_text_with_hangul_is_korean(text, language):
    assert language_of(text) == language


def test_hangul_in_parts_is_korean_once_it_is_normalised():
    parts = unicodedata.normalize('NFD', '왼쪽')
    assert len(parts) > 2 and language_of(normalise(parts)) == 'ko'
