"""Checkups: what is wrong with a recording is found, and nothing else is."""

import numpy as np
import pytest

pytest.importorskip('rosbags')
from support.checkups import healthy, labelled, several  # noqa: E402

from mobile_vla_ros.data.balance import balance  # noqa: E402
from mobile_vla_ros.data.base_response import Response  # noqa: E402
from mobile_vla_ros.data.doctor import verdicts as findings  # noqa: E402
from mobile_vla_ros.data.reading import (  # noqa: E402
    CUT, DESCRIBED, DIFFERS, LEFT_OUT, Reading, STALE)
from mobile_vla_ros.images.tally import Tally  # noqa: E402


def verdicts(checkups):
    """Return (level, what was found, what to do) of every finding."""
    return [finding[:3] for finding in findings(checkups)]


def test_good_recordings_are_called_good():
    assert verdicts(several()) == [('ok', 'nothing wrong was found', 'train')]


def tally(causes=(), assumed=()):
    told = Tally()
    told.frames = 9
    told.causes.update(causes)
    told.assumed.update(assumed)
    return told


OTHER_WAY = 'turn the sign where the base takes cmd_vel or where odom is published (x forward, ' \
    'y left, yaw counter-clockwise), and record anew'


@pytest.mark.parametrize('change, level, found, remedy', [
    ({'commands': np.zeros((0, 3))}, 'bad', 'no commands: x',
     'record the topic that the base listens to while you drive'),
    ({'instructions': []}, 'bad', 'no instruction: x',
     'give one with `dataset build --instruction`, or record /instruction'),
    ({'tally': tally({'encoding X': 2})}, 'bad',
     'pictures that cannot be read: x (2 of 9 frames cannot be read: encoding X)',
     'have the camera send rgb8, bgr8, yuv422_yuy2, nv12 or JPEG; they are left out'),
    ({'tally': tally(assumed={'8UC3, taken as bgr8': 9})}, 'warn',
     'an encoding that does not name its colours: x (8UC3, taken as bgr8)',
     'look whether the pictures have theirs; else publish as bgr8 or rgb8'),
    ({'frame_hz': 3.0}, 'bad', 'fewer than 5 frames/s: x',
     "raise the camera's rate, or send compressed pictures"),
    ({'frame_hz': 0.5}, 'bad', 'fewer than 5 frames/s: x',
     "raise the camera's rate, or send compressed pictures"),
    ({'gaps': [(1.0, 0.9)]}, 'warn', 'gaps between pictures: x',
     'use the shipped transport profile, or compressed pictures; each gap ends an episode'),
    ({'lag_s': 0.26}, 'warn', 'commands come over 0.25 s after a picture: x',
     'publish commands steadily while driving, 10 Hz or more'),
    ({'commands': np.zeros((600, 3))}, 'warn', 'more than half of it stands still: x',
     'begin just before driving and end just after; `dataset build` trims the rest'),
    ({'repeated': 61}, 'warn', 'one picture in five repeated: x',
     'the camera is slower than its topic, or it froze'),
    *[({'exposure': [grey]}, 'warn', 'pictures too dark or too bright: x',
       'set the exposure, or put the light on') for grey in (5.0, 30.0, 225.0)],
    ({'reading': Reading({'command': 9}, skipped={'command': {'it is not finite': 1}})}, 'warn',
     'messages that cannot be read: x (1 of 9 command messages cannot be read: it is not finite)',
     LEFT_OUT),
    ({'reading': Reading({'image': 9}, {'image': 7})}, 'warn',
     'counts differ: x (metadata.yaml counts 7 image messages, the files hold 9)', DIFFERS),
    ({'reading': Reading(notes=['metadata.yaml makes no sense', 'nor does b'])}, 'warn',
     'files are not as described: x (metadata.yaml makes no sense; nor does b)', DESCRIBED),
    ({'reading': Reading(cuts=['the clock goes back by 3.0 s'])}, 'warn',
     'times do not follow each other: x (the clock goes back by 3.0 s)', CUT),
    ({'reading': Reading({'image': 300}, stale=5)}, 'bad',
     'stamps of pictures repeat or go back: x (5 of 300 pictures have a stamp that is not newer '
     'than the one before)', STALE),
    ({'noted': ['3 messages dropped', 'disk full']}, 'warn',
     'its recorder noted faults: x (3 messages dropped; disk full)',
     'what was dropped is missing; mend the cause, and record anew what matters'),
    ({'response': {'linear_y': Response(0.05, -0.1)}}, 'bad',
     'odometry goes the other way than the command in linear_y: x', OTHER_WAY),
    ({'held_s': {'linear_x': 3.5}}, 'warn', 'told to move in linear_x, the base hardly does: x '
     '(3.5 s)', 'free it (a wall, a brake, an emergency stop), leave the axis out if the base has '
     'none, or fill in the twist of odom; such a drive teaches to push'),
    ({'response': {'linear_x': Response(0.31, 0.9)}}, 'warn',
     'the base follows a command up to 0.31 s late: x', 'look for a slow link or a smoother; '
     "else give it as the drive node's stopping.reaction"),
    ({'refused': 'x: no camera in this bag', 'remedy': 'film it'}, 'bad',
     'x: no camera in this bag', 'film it')])
def test_each_fault_is_found_alone_and_told_with_its_remedy(change, level, found, remedy):
    assert verdicts(several(**change)) == [(level, found, remedy)]


@pytest.mark.parametrize('change', [
    {'frame_hz': 5.0}, {'frame_hz': 0.0}, {'lag_s': 0.25}, {'repeated': 60}, {'exposure': []},
    {'exposure': [31.0]}, {'exposure': [224.0]}, {'frames': 0, 'repeated': 9},
    {'response': {'linear_x': Response(0.3, 0.0), 'angular_z': Response(0.1, 0.9)}},
    {'commands': np.repeat([[0.3] * 3, [0.0] * 3, [0.01, -0.01, 0.01]], [300, 200, 100], 0)}])
def test_what_is_just_good_enough_is_called_good(change):
    assert verdicts(several(**change)) == [('ok', 'nothing wrong was found', 'train')]


def test_a_finding_knows_its_recordings():
    one, two = findings([healthy('n0'), healthy('x', refused='/a/x: no camera', path='/a/x'),
                         *several(held_s={'linear_x': 3.5})])
    assert (one.what, one.concerned) == ('a recording that cannot be used', ((1, 'no camera'),))
    assert two.what == 'told to move in linear_x, the base hardly does'
    assert two.concerned == ((2, '3.5 s'),)


def test_a_finding_about_all_recordings_names_none():
    for checkups in (several(), several()[:4]):
        finding, = findings(checkups)
        assert finding.what == finding.found and finding.concerned == ()


def test_names_are_told_up_to_three_and_of_faults_each_on_its_own():
    for count, shown in ((3, 'n, nn, nnn'), (4, 'n, nn, nnn and 1 more'),
                         (6, 'n, nn, nnn and 3 more')):
        found = [healthy('n' * (i + 1), ('left', 'right')[i % 2], gaps=[(1.0, 0.9)] * (i < count))
                 for i in range(8)]
        assert [row[1] for row in verdicts(found)] == [f'gaps between pictures: {shown}']
    unreadable = several(tally=tally({'damaged': 1}))
    unreadable[3].tally = tally({'encoding X': 1})
    (_, found, remedy), = verdicts(unreadable)
    assert found.endswith(': x (1 of 9 frames cannot be read: damaged), n2 (1 of 9 frames cannot '
                          'be read: encoding X)')
    assert remedy == '; '.join(sorted({unreadable[i].tally.remedy for i in (0, 3)})) \
        + '; they are left out'
    rows = verdicts(several(gaps=[(1.0, 0.9)], lag_s=1.0, response={
        axis: Response(0.4 + i / 10, -1.0)
        for i, axis in enumerate(('linear_x', 'linear_y', 'angular_z'))}))
    assert [(row[0], row[1].rsplit(' ', 2)[-2]) for row in rows] == [
        ('warn', 'pictures:'), ('warn', 'picture:'), ('bad', 'linear_x:'), ('bad', 'linear_y:'),
        ('bad', 'angular_z:'), ('warn', 'late:')]
    assert 'up to 0.60 s late' in rows[-1][1]


def test_what_is_refused_is_told_first_and_judged_no_further():
    refused = [healthy(name, refused=f'{name} is none', gaps=[(1.0, 1.0)]) for name in 'ab']
    told = [('bad', 'a is none', 'leave it out'), ('bad', 'b is none', 'leave it out')]
    assert verdicts(refused) == told and verdicts([]) == []
    assert verdicts([*several(), *refused]) == told


def test_what_only_all_together_show():
    one_sided = [healthy(f'n{i}') for i in range(8)]
    assert verdicts(one_sided) == [
        ('warn', '8 recordings say left, 0 say right',
         'record the other side too; mirroring helps, but does not show its rooms')]
    for rights, level in ((1, 'warn'), (2, 'ok'), (6, 'ok'), (7, 'warn'), (8, 'warn')):
        mixed = [healthy(f'n{i}', ('left', 'right')[i < rights]) for i in range(8)]
        (told, found, _), = verdicts(mixed)
        assert told == level, rights
        assert level == 'ok' or found == f'{8 - rights} recordings say left, {rights} say right'
    assert len(verdicts([healthy(f'n{i}', 'on') for i in range(5)])) == 1, 'no side is named'
    flat = several()
    for found in flat:
        found.commands = found.commands * [1, 0, 1]
    assert verdicts(flat) == [('warn', 'never changes: linear_y', 'fine if the base has no such '
                               'motion; else check the sign and the topic')]
    for spread, rows in ((0.009, ['never changes: linear_y']),
                         (0.011, ['nothing wrong was found'])):
        for found in flat:
            found.commands[:, 1] = np.tile([spread, -spread], 300)
        assert [row[1] for row in verdicts(flat)] == rows
    for found in flat:
        found.commands = found.commands * [1, 0, 0]
    assert [row[1] for row in verdicts(flat)] == ['never changes: linear_y, angular_z']
    for found in flat:
        found.commands = np.tile([0.3, 0.0, 0.0], (600, 1))
    assert verdicts(flat) == [('bad', 'no axis ever changes',
                               'a constant is all that can be learned: drive')]
    assert verdicts(several()[:4]) == [('warn', 'few recordings: 4',
                                        'record some dozens: one in five is held out')]
    assert [row[0] for row in verdicts(several()[:5])] == ['ok']
    assert balance(several())['sides'] == {'left': 5, 'right': 3}


@pytest.mark.parametrize('count, more', [(1, ''), (3, ''), (4, ' and 1 more'),
                                         (6, ' and 3 more')])
def test_words_that_may_mean_a_side_are_told_up_to_three(count, more):
    unsure = [f'lefty loosey {i}' for i in range(count)]
    assert verdicts(several(instructions=['go left to the red bottle', *unsure])) == [(
        'warn', 'words that may mean a side, and cannot be exchanged: '
        + ', '.join(map(repr, unsure[:3])) + more,
        'such drives are learned without a mirror image: record the other side too, or say left '
        'and right, 왼쪽 and 오른쪽')]


@pytest.mark.parametrize('label', ['scenario', 'distance'])
def test_labels_that_are_rare_beside_others_are_told(label):
    (level, found, remedy), = verdicts(labelled(label, 11, 2, 1, 3))
    assert level == 'warn'
    assert remedy == 'record more of these, or leave them out: what is rare is hardly learned'
    (_, many, _), = verdicts(labelled(label, 30, 1, 1, 1, 1, 1))
    assert many.endswith('too few have: b 1, c 1, d 1 and 2 more')
    (_, many, _), = verdicts(labelled(label, 30, 1, 1, 1, 1))
    assert many.endswith('too few have: b 1, c 1, d 1 and 1 more')
    assert found == f'{label} a has 11 recordings, too few have: b 2, c 1'
    for enough in ((10, 2), (8, 1), (12,), (4, 4, 4)):
        assert [row[0] for row in verdicts(labelled(label, *enough))] == ['ok'], enough
    assert len(verdicts(labelled(label, 9, 1) + several())) == 1, 'those without are not counted'
