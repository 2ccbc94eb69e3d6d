"""Checkups: what is wrong with a recording is found, and nothing else is."""

import json

import numpy as np
import pytest

pytest.importorskip('rosbags')
from support.bags import (  # noqa: E402
    ODD_TOLD, TEXT, write, write_odd)
from support.expert_drive import write_bag  # noqa: E402

from mobile_vla_ros.cli import dataset as verb  # noqa: E402
from mobile_vla_ros.data.balance import balance, histograms  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.data.base_response import Response  # noqa: E402
from mobile_vla_ros.data.checkup import Checkup, examine, noted  # noqa: E402
from mobile_vla_ros.data.doctor import verdicts as findings  # noqa: E402
from mobile_vla_ros.data.reading import (  # noqa: E402
    CUT, DESCRIBED, DIFFERS, LEFT_OUT, Reading, STALE)
from mobile_vla_ros.images.tally import Tally  # noqa: E402


def healthy(name='a', side='left', **change):
    """Return a checkup of driving without a fault, but for `change`."""
    rng = np.random.default_rng(len(name))
    found = Checkup(name, 30.0, 300, frame_hz=10.0, command_hz=20.0, lag_s=0.03,
                    exposure=[120.0], commands=rng.normal(0, 0.2, (600, 3)),
                    instructions=[f'go {side} to the red bottle'])
    for key, value in change.items():
        setattr(found, key, value)
    return found


def verdicts(checkups):
    """Return (level, what was found, what to do) of every finding."""
    return [finding[:3] for finding in findings(checkups)]


def several(**change):
    return [healthy('x', **change), *(healthy(f'n{i}', ('left', 'right')[i % 2])
                                      for i in range(7))]


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


def labelled(label, *counts):
    """Return checkups of which so many have the label's values a, b and so on."""
    values = [value for value, count in zip('abcdef', counts) for _ in range(count)]
    return [healthy(f'n{i}', ('left', 'right')[i % 2], **{label: value})
            for i, value in enumerate(values)]


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


def test_what_is_counted_is_recordings():
    found = [*labelled('scenario', 3, 1), *labelled('distance', 2), healthy('x')]
    told = balance(found)
    assert told['scenarios'] == {'a': 3, 'b': 1} and told['distances'] == {'a': 2}
    assert told['instructions'] == {'go left to the red bottle': 4,
                                    'go right to the red bottle': 3}


def test_histograms_hold_every_command():
    found = several()
    for axis, column in zip(('linear_x', 'linear_y', 'angular_z'), range(3)):
        values = np.concatenate([checkup.commands[:, column] for checkup in found])
        told = histograms(found)[axis]
        assert sum(told['counts']) == len(values) and len(told['edges']) == 42
        assert (told['edges'][0], told['edges'][-1]) == pytest.approx((values.min(), values.max()))
        middle = (values > told['edges'][20]) & (values < told['edges'][21])
        assert told['counts'][20] == middle.sum()
    for commands in (np.zeros((0, 3)), np.full((5, 3), 0.3), np.full((5, 3), 0.3) + [[1e-17]] * 5,
                     np.array([[0.3] * 3, [0.1 + 0.2] * 3])):
        told = histograms([healthy(commands=commands)])
        assert [sum(row['counts']) for row in told.values()] == [len(commands)] * 3


def test_a_real_bag_is_measured(tmp_path):
    write_bag(tmp_path / 'a', gap=(2.0, 3.0), seconds=6.0)
    with Bag(tmp_path / 'a') as bag:
        found = examine(bag)
    assert found.frame_hz == pytest.approx(10.0, rel=0.01)
    (at, length), = found.gaps
    assert at == pytest.approx(1.9, abs=0.11) and length == pytest.approx(1.1, abs=0.11)
    assert found.lag_s == pytest.approx(0.01, abs=1e-6) and not found.tally.unreadable
    assert 30 < np.mean(found.exposure) < 225 and len(found.instructions) == 1
    assert found.idle_share < 0.2 and found.commands.shape[1] == 3


def test_the_verb_writes_a_page_and_ends_by_its_verdict(tmp_path, capsys):
    write_bag(tmp_path / 'a', seconds=3.0)
    out, html = tmp_path / 'd.json', tmp_path / 'd.html'
    assert verb.main(['doctor', str(tmp_path / 'a'), '--json', str(out),
                      '--html', str(html)]) == 0
    told = json.loads(out.read_text())
    assert [row['level'] for row in told['verdicts']] == ['warn', 'warn']
    assert told['recordings'][0]['mean_command']['linear_x'] > 0
    assert sum(told['histograms']['angular_z']['counts']) > 20
    page = html.read_text()
    assert 'data:image/jpeg' in page and 'http' not in page and '`' not in page
    assert 'Checkup of 1 recording<' in page and 'Fit to train. Two things to look at' in page
    assert page.index('What was found') < page.index('What was driven') < page.index('<table')
    assert told['recordings'][0]['path'] == str(tmp_path / 'a')
    assert 'scenarios' not in page and 'distances' not in page, 'nobody gave labels'
    (tmp_path / 'b.mcap').write_bytes(b'nonsense')
    assert verb.main(['doctor', str(tmp_path / 'b.mcap'), '--html', str(html)]) == 1
    assert 'not a readable bag' in capsys.readouterr().out


def test_the_verb_tells_recordings_by_label(tmp_path):
    for i, distance in enumerate(['close', 'far', 'far', '']):
        write(tmp_path / 'drives' / f'{i}', info={'scenario': '<hall>', 'distance': distance})
    out, html = tmp_path / 'd.json', tmp_path / 'd.html'
    assert verb.main(['doctor', str(tmp_path / 'drives'), '--json', str(out),
                      '--html', str(html)]) == 0
    told = json.loads(out.read_text())
    assert told['balance']['distances'] == {'close': 1, 'far': 2}
    assert told['balance']['scenarios'] == {'<hall>': 4}
    assert told['balance']['instructions'] == {TEXT: 4}
    row = told['recordings'][0]
    assert (row['scenario'], row['distance']) == ('<hall>', 'close')
    page = html.read_text()
    assert '<li>distances: close 1, far 2</li>' in page
    assert '<li>scenarios: &lt;hall&gt; 4</li>' in page
    assert f'<li>instructions: {TEXT} 4</li>' in page


def test_what_the_recorder_noted_is_told_once():
    assert noted({}) == [] == noted({'dropped': '0', 'clock_jumps': '0', 'troubles': '[]',
                                     'error': '', 'scenario': 'a'})
    assert noted({'dropped': '3', 'clock_jumps': '2', 'error': 'disk full', 'troubles':
                  '["the clock was set while recording", "messages dropped: the disk is too slow",'
                  ' "nothing came on odom"]'}) == [
        'disk full', '3 messages dropped', 'the clock was set 2 times', 'nothing came on odom']
    assert noted({'troubles': 'by hand'}) == ['by hand']
    assert noted({'troubles': '["the clock was set while recording"]'}) == [
        'the clock was set while recording']


def test_what_is_left_out_of_a_bag_is_told(tmp_path, capsys):
    write_odd(tmp_path / 'a')
    out = tmp_path / 'd.json'
    assert verb.main(['doctor', str(tmp_path / 'a'), '--json', str(out)]) == 1
    said = capsys.readouterr().out
    for words in (f'cannot be read: a ({ODD_TOLD[0]}); left out',
                  f'repeat or go back: a ({ODD_TOLD[1]}); mend the camera driver',
                  f'do not follow each other: a ({ODD_TOLD[2]}); cut there',
                  'its recorder noted faults: a (the clock was set 1 times)'):
        assert words in said, said
    row, = json.loads(out.read_text())['recordings']
    messages = row['messages']
    assert row['frames'] == messages['stored']['image'] == 60 and messages['stale'] == 53
    assert messages['read']['command'] == 59 and row['seconds'] < 9.0
    assert not row['gaps'] and row['frame_hz'] == pytest.approx(10.0)


def test_a_refusal_comes_with_its_own_remedy(tmp_path, capsys):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / 'a_0.mcap').write_bytes(b'\x89MCAP0\r\n' + b'\1' * 50)
    (tmp_path / 'b').mkdir()
    assert verb.main(['doctor', str(tmp_path / 'a'), str(tmp_path / 'b')]) == 1
    one, two = capsys.readouterr().out.strip().splitlines()
    assert one.endswith(f'); make it whole: dataset repair {tmp_path / "a"}')
    assert two.endswith('; give the folder of one, or a file')
