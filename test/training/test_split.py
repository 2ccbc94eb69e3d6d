"""What is held out stays so when other recordings come, and is never what was learned."""

import hashlib

import numpy as np
import pytest

from mobile_vla_ros.training.shards import Episode
from mobile_vla_ros.training.split import held_out, position, SHARE, split

DRIVES = [hashlib.sha256(bytes([number])).hexdigest()[:16] for number in range(200)]
EMPTY = np.zeros((1, 1))


def episodes(recordings):
    """Return an original and its mirror image of every recording."""
    return [Episode(1, 0, 0, EMPTY, EMPTY, recording=recording, name=f'drive{number}',
                    original=original)
            for number, recording in enumerate(recordings) for original in (True, False)]


def test_about_one_in_five_is_held_out():
    assert 0.14 < len(held_out(DRIVES)) / len(DRIVES) < 0.26


def test_what_is_learned_is_never_held_out_when_others_come():
    tried = 0
    for start in range(0, 180, 7):
        drives = DRIVES[start:start + 20]
        if all(position(drive) < SHARE for drive in drives[:2]):
            continue
        before, tried = set(), tried + 1
        for count in range(2, 21):
            held = held_out(drives[:count])
            assert 1 <= len(held) < count
            learned = set(drives[:count]) - held
            assert before <= learned
            before = learned
    assert tried > 20


def test_the_order_of_recordings_does_not_matter():
    assert held_out(DRIVES) == held_out(reversed(DRIVES))


def test_few_that_all_lie_in_the_first_fifth_leave_one_to_learn_from():
    low = sorted(DRIVES, key=position)[:3]
    assert held_out(low) == set(low[:2])
    with pytest.raises(ValueError, match='^1 recording is too few: one is held out to measure '
                                         'with, the others are learned from; record more$'):
        held_out(low[:1])


def test_whole_recordings_are_held_out_and_only_their_originals_measure():
    learned, measured = split(episodes(DRIVES))
    held = held_out(DRIVES)
    assert {e.recording for e in measured} == held and all(e.original for e in measured)
    assert {e.recording for e in learned} == set(DRIVES) - held
    assert len(learned) == 2 * (len(DRIVES) - len(held)), 'mirror images are learned from'


def test_what_the_start_has_learned_is_refused_as_held_out():
    held = sorted(held_out(DRIVES))
    split(episodes(DRIVES), set(DRIVES) - set(held))
    with pytest.raises(ValueError, match='to start from has learned drive.* held out here'):
        split(episodes(DRIVES), held[:1])


@pytest.mark.parametrize('count, more', [(1, ''), (3, ''), (4, ' and 1 more'), (6, ' and 3 more')])
def test_up_to_three_of_them_are_named_and_what_to_do(count, more):
    held = sorted(held_out(DRIVES))[:count]
    names = sorted(f'drive{DRIVES.index(recording)}' for recording in held)
    shown = ', '.join(names[:3]) + more
    with pytest.raises(ValueError, match=f'has learned {shown}, held out here: the error '
                       'would be of what it knows. Leave --start out, or take that out with '
                       '`dataset remove`$'):
        split(episodes(DRIVES), held)
