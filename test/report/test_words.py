"""Words that pages and messages share."""

import pytest

from mobile_vla_ros.report.words import first_of


@pytest.mark.parametrize('texts, words', [
    ([], ''), (['a'], 'a'), (['a', 'b', 'c'], 'a, b, c'),
    (['a', 'b', 'c', 'd', 'e'], 'a, b, c and 2 more')])
def test_the_first_texts_and_how_many_more(texts, words):
    assert first_of(texts) == words
    assert first_of(texts, 9, '; ') == '; '.join(texts)
