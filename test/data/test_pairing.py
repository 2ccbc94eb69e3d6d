"""A picture is answered by the first command after it, within half a second."""

import pytest

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.pairing import PAIRED_S, Unanswered

HALF = round(PAIRED_S * NS)


@pytest.mark.parametrize('waited_ns,late', [
    (0, 0), (1, 0), (HALF - 1, 0), (HALF, 0), (HALF + 1, 1), (10 * HALF, 1)])
def test_a_picture_waits_for_half_a_second(waited_ns, late):
    unanswered = Unanswered()
    unanswered.add(7, 'picture')
    assert unanswered.drop_late(7 + waited_ns) == late
    assert unanswered.take() == [(7, 'picture')] * (1 - late)


def test_only_the_late_ones_are_dropped_and_none_is_taken_twice():
    unanswered = Unanswered()
    for ns in (0, 1, 2, 3):
        unanswered.add(ns, f'picture {ns}')
    assert unanswered.drop_late(HALF + 2) == 2
    assert unanswered.take() == [(2, 'picture 2'), (3, 'picture 3')]
    assert unanswered.take() == [] and unanswered.drop_late(10 * HALF) == 0
