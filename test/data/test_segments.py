"""What came in a recording as samples: which picture goes with which command, and until when."""

import numpy as np
import pytest

pytest.importorskip('rosbags')

from mobile_vla_ros.contract import Command, NS  # noqa: E402
from mobile_vla_ros.data.bags import Event  # noqa: E402
from mobile_vla_ros.data.segments import Segment, segments  # noqa: E402
from mobile_vla_ros.images.decode import MessageError  # noqa: E402

GO = Command(0.3, 0.0, 0.0)
STILL = Command(0.0, 0.0, 0.0)


def at(seconds, kind, value):
    ns = round(seconds * NS)
    return Event(kind, ns, ns, value)


def drive(start, end, command=GO, hz=10, first=0):
    """Frames numbered from `first`, each followed by a command 20 ms later."""
    events = []
    for i in range(round((end - start) * hz)):
        events += [at(start + i / hz, 'image', first + i),
                   at(start + i / hz + 0.02, 'command', command)]
    return events


def cut(events, instruction=None, period=0.2):
    return list(segments(events, lambda value: value, period, instruction))


def test_a_picture_is_paired_with_the_command_after_it():
    turn = Command(0.1, 0.2, 0.0)
    events = [at(0.0, 'instruction', 'go left'), at(0.01, 'command', STILL), at(0.1, 'image', 1),
              at(0.12, 'command', turn), at(0.35, 'image', 2), at(1.2, 'command', GO)]
    (segment,) = cut(events)
    assert (segment.instruction, segment.images) == ('go left', [1])
    assert segment.commands == [turn], 'a command 0.85 s later is not the answer to a picture'


def test_pictures_are_taken_a_period_apart_without_drift():
    (segment,) = cut(drive(0.0, 10.0, hz=15), 'go')
    assert len(segment.images) == 50
    assert np.abs(np.array(segment.images) / 15 - np.arange(50) * 0.2).max() < 1 / 15 + 1e-6


def test_standing_around_is_trimmed_but_stopping_is_kept():
    events = drive(0, 3, STILL) + drive(3, 5, GO, first=30) + drive(5, 15, STILL, first=50)
    (segment,) = cut(events, 'go')
    assert segment.commands[0] == GO and segment.images[0] == 30
    assert segment.commands[-5:] == [STILL] * 5 and segment.commands[-6] == GO


def test_where_nobody_commands_another_episode_begins():
    events = drive(0, 2) + [at(2 + i / 10, 'image', 100 + i) for i in range(20)] \
        + drive(4, 6, first=200)
    assert [(s.images[0], len(s.images)) for s in cut(events, 'go')] == [(0, 10), (116, 12)], \
        'pictures that nobody answered must not shift the time of those before'


def test_an_instruction_a_gap_and_silence_make_their_own_episodes():
    events = [at(0, 'instruction', 'go left'), *drive(0.01, 2),
              at(2.0, 'instruction', 'go right'), *drive(2.01, 4, first=100),
              *drive(6, 8, first=200), at(8, 'instruction', ''), *drive(8.01, 9, first=300),
              at(9, 'instruction', 'stay'), *drive(9.01, 10, STILL, first=400)]
    assert [(s.instruction, s.images[0]) for s in cut(events)] == [
        ('go left', 0), ('go right', 100), ('go right', 200)]


def test_a_slow_camera_is_learned_at_the_pace_it_drove():
    (segment,) = cut(drive(0, 20, hz=2), 'go')
    assert len(segment.images) == 40 and segment.seconds == pytest.approx(19.5)
    steady = segment.paced(0.2)
    assert len(steady.images) == len(steady.commands) == 99, '20 s are 20 s, not 8'
    seen = np.array(steady.images) * 0.5
    now = np.arange(99) * 0.2
    assert np.abs(seen - now).max() <= 0.5, 'the newest picture stands for what it shows'
    assert (np.diff(steady.images) >= 0).all() and len(set(steady.images)) == 40
    (segment,) = cut(drive(0, 10, hz=15), 'go')
    assert segment.paced(0.2) is segment, 'a camera that is fast enough changes nothing'


def shown_at(*times):
    return Segment('go', list(range(len(times))), [Command(i, 0.0, 0.0)
                                                   for i in range(len(times))],
                   [round((7.0 + time) * NS) for time in times])


@pytest.mark.parametrize('times, shown', [
    ((0.0, 1.125), [0, 0, 0, 0, 1]),  # half a period early is soon enough
    ((0.0, 1.124), [0, 0, 0, 0, 1]), ((0.0, 1.126), [0, 0, 0, 0, 0, 1]),
    ((0.0, 0.25, 0.5, 0.75, 2.0), [0, 1, 2, 3, 3, 3, 3, 3, 4]),
    ((0.0, 0.3125, 0.6255), [0, 1, 1, 2])])
@pytest.mark.filterwarnings('error::DeprecationWarning')
def test_a_picture_stands_for_the_periods_until_the_next(times, shown):
    paced = shown_at(*times).paced(0.25)
    assert paced == Segment('go', shown, [Command(i, 0.0, 0.0) for i in shown],
                            [round((7.0 + i / 4) * NS) for i in range(len(shown))])


@pytest.mark.parametrize('times', [(), (0.0,), (0.0, 0.3125, 0.625), (0.0, 0.01, 0.02)])
def test_pictures_up_to_a_quarter_too_slow_are_left_as_they_are(times):
    segment = shown_at(*times)
    assert segment.paced(0.25) is segment


def test_an_unreadable_picture_is_replaced_by_the_next():
    def encode(value):
        if value == 2:
            raise MessageError('encoding', 'damaged')
        return value
    (segment,) = segments(drive(0, 1), encode, 0.2, 'go')
    assert segment.images == [0, 3, 4, 6, 8]


def found(*events, period=0.0, **settings):
    """Return (instruction, images, first values of the commands) of every segment."""
    return [(part.instruction, part.images, [command.linear_x for command in part.commands])
            for part in segments([at(100 + s, *rest) for s, *rest in events], lambda value: value,
                                 period, **settings)]


@pytest.mark.parametrize('later, kept', [(0.5, [1, 2]), (0.500000001, [1])])
def test_a_command_answers_pictures_of_half_a_second(later, kept):
    rows = found((0.1, 'image', 1), (0.11, 'command', GO), (0.2, 'image', 2),
                 (0.2 + later, 'command', GO), instruction='go')
    assert rows == [('go', kept, [0.3] * len(kept))]


def test_a_command_answers_all_that_wait_for_it_and_those_only_once():
    rows = found((0.0, 'image', 1), (0.1, 'image', 2), (0.2, 'command', GO),
                 (0.3, 'command', Command(0.4)), (0.4, 'image', 3), (0.5, 'command', Command(0.5)),
                 (0.6, 'image', 4), instruction='go')
    assert rows == [('go', [1, 2, 3], [0.3, 0.3, 0.5])]


def test_a_picture_too_old_for_its_command_ends_the_episode_before_those_that_are_not():
    rows = found((0.1, 'image', 1), (0.15, 'command', GO), (0.2, 'image', 2), (0.6, 'image', 3),
                 (0.75, 'command', GO), (0.8, 'image', 4), (0.85, 'command', GO),
                 instruction='go')
    assert rows == [('go', [1], [0.3]), ('go', [3, 4], [0.3, 0.3])]


@pytest.mark.parametrize('gap, parts', [(1.0, [[1, 2, 3]]), (1.000000001, [[1, 2], [3]])])
def test_a_second_without_pictures_begins_another_episode(gap, parts):
    rows = found((0.1, 'image', 1), (0.2, 'command', GO), (0.3, 'image', 2), (0.4, 'command', GO),
                 (0.3 + gap, 'image', 3), (0.4 + gap, 'command', GO), instruction='go')
    assert [images for _, images, _ in rows] == parts


def test_what_waits_at_a_gap_is_nobodys():
    rows = found((0.1, 'image', 1), (0.2, 'command', GO), (0.3, 'image', 2), (2.0, 'image', 3),
                 (2.1, 'command', GO), instruction='go')
    assert [images for _, images, _ in rows] == [[1], [3]]


def test_at_a_cut_what_waits_is_dropped_and_the_same_instruction_goes_on():
    rows = found((0.0, 'instruction', ' Go  on '), (1.1, 'image', 1), (1.2, 'command', GO),
                 (1.3, 'image', 2), (1.31, 'cut', ''), (0.1, 'image', 3), (0.2, 'command', GO),
                 (1.2, 'image', 4), (1.3, 'command', GO), (1.4, 'instruction', 'stay'),
                 (1.5, 'image', 5), (1.6, 'command', GO))
    assert rows == [('Go on', [1], [0.3]), ('Go on', [3], [0.3]), ('Go on', [4], [0.3]),
                    ('stay', [5], [0.3])]


def test_a_new_instruction_begins_anew_with_the_next_picture():
    rows = found((0.0, 'instruction', 'a'), (0.0, 'image', 1), (0.05, 'command', GO),
                 (0.1, 'image', 2), (0.15, 'instruction', 'b'), (0.16, 'image', 3),
                 (0.18, 'command', GO), (0.3, 'image', 4), (0.36, 'image', 5),
                 (0.38, 'command', GO), period=0.2)
    assert rows == [('a', [1], [0.3]), ('b', [3, 5], [0.3, 0.3])]


@pytest.mark.parametrize('said, kept', [('mine', ['mine']), (None, ['theirs']), ('', [])])
def test_an_instruction_that_is_given_is_taken_instead(said, kept):
    rows = found((0.0, 'instruction', 'theirs'), (0.1, 'image', 1), (0.2, 'command', GO),
                 instruction=said)
    assert [text for text, *_ in rows] == kept
    assert not found((0.1, 'image', 1), (0.2, 'command', GO)), 'nobody said anything'


def test_a_late_picture_is_taken_and_the_grid_goes_on_from_it():
    times = [0.0, 0.1, 0.21, 0.39, 0.45, 0.61, 1.05, 1.2, 1.26, 1.46]
    events = [event for i, s in enumerate(times)
              for event in ((s, 'image', i), (s + 0.01, 'command', GO))]
    (_, images, _), = found(*events, period=0.2, instruction='go')
    assert [times[i] for i in images] == [0.0, 0.21, 0.45, 0.61, 1.05, 1.26, 1.46]


@pytest.mark.parametrize('axis', range(3))
@pytest.mark.parametrize('speed, moves', [(0.02, False), (0.021, True), (-0.021, True),
                                          (-0.02, False)])
def test_who_hardly_moves_stands(axis, speed, moves):
    command = [0.0, 0.0, 0.0]
    command[axis] = speed
    parts = list(segments([at(0.1, 'image', 1), at(0.2, 'command', Command(*command))],
                          lambda value: value, 0.0, 'go'))
    assert [part.images for part in parts] == ([[1]] if moves else [])


@pytest.mark.parametrize('period, settings, kept', [
    (0.2, {}, 5), (0.2, {'standing_s': 0.4}, 2), (0.2, {'standing_s': 0.0}, 0), (0.0, {}, 10),
    (0.25, {}, 4), (0.0, {'standing_s': 0.0}, 10)])
def test_so_much_of_the_standing_after_it_is_kept(period, settings, kept):
    commands = [STILL] * 3 + [GO, STILL, GO] + [STILL] * 10
    events = [event for i, command in enumerate(commands)
              for event in (at(i * (period or 0.1), 'image', i),
                            at(i * (period or 0.1) + 0.01, 'command', command))]
    part, = segments(events, lambda value: value, period, 'go', **settings)
    assert part.images == list(range(3, 6 + kept))
    assert part.commands == commands[3:6 + kept]


@pytest.mark.parametrize('end', [
    [(4.05, 'instruction', 'stay')], [(4.05, 'cut', '')], [(5.1, 'image', 99)],
    [(4.25, 'image', 99), (4.9, 'command', STILL)], []])
def test_the_standing_is_trimmed_however_the_episode_ends(end):
    events = [event for i in range(21)
              for event in ((0.2 * i, 'image', i),
                            (0.2 * i + 0.01, 'command', STILL if i else GO))]
    for settings, kept in (({}, 5), ({'standing_s': 0.4}, 2)):
        rows = found((0.0, 'instruction', 'go'), *events, *end, period=0.2, **settings)
        assert [images for _, images, _ in rows] == [list(range(1 + kept))]


def test_a_segment_trims_itself_and_says_what_it_was():
    part = Segment('go', list(range(30)), [STILL] * 2 + [GO] * 3 + [STILL] * 25)
    assert part.trim(0.2).images == list(range(2, 10))
    for still in (Segment('go'), Segment('go', [1], [STILL])):
        assert still.trim(0.2) == Segment('go')


def test_a_bad_command_ends_an_episode_and_answers_nothing():
    def at(ms, kind, value):
        return Event(kind, ms * 1_000_000, ms * 1_000_000, value)
    events = [at(0, 'instruction', 'go'), at(10, 'image', 1), at(20, 'command', GO),
              at(110, 'image', 2), at(120, 'cut', 'a command that cannot be read'),
              at(210, 'image', 3), at(220, 'command', GO)]
    found = list(segments(events, lambda image: image, 0.0))
    assert [part.images for part in found] == [[1], [3]]
    assert {part.instruction for part in found} == {'go'}
