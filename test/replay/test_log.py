"""What a replay keeps of a recording, and what it leaves out."""

import json

import pytest

pytest.importorskip('rosbags')
from support.bags import (  # noqa: E402
    BagWriter, image, ODD_TOLD, picture, START, text, TEXT, twist, write, write_odd)

from mobile_vla_ros import load_policy  # noqa: E402
from mobile_vla_ros.cli import replay as verb  # noqa: E402
from mobile_vla_ros.contract import Command, NS  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.replay.log import Moment, ReplayLog, WORST  # noqa: E402
from mobile_vla_ros.replay.metrics import summarise  # noqa: E402
from mobile_vla_ros.replay.replay import replay  # noqa: E402


def test_the_worst_moments_are_apart_and_few():
    log = ReplayLog('a', '', 100.0)
    errors = {i: ((i * 7919) % 1000) / 1000 for i in range(1000)}
    drawn = []
    for i, error in errors.items():
        log.add_moment(Moment(i / 10, Command(error), Command()),
                       lambda i=i: drawn.append(i) or b'picture')
    times = [moment.seconds for moment in log.worst]
    assert len(times) == WORST and all(b - a > 1.0 for a, b in zip(times, times[1:]))
    assert max(errors.values()) in [moment.difference for moment in log.worst]
    assert min(moment.difference for moment in log.worst) > 0.95 and len(drawn) < 100
    assert all(moment.picture == b'picture' for moment in log.worst)


@pytest.mark.parametrize('predicted, kept', [
    ((0.2, 0.0, 0.0), False), ((0.29, 0.09, 0.09), False), ((0.31, 0.0, 0.0), True),
    ((0.2, -0.11, 0.0), True), ((0.2, 0.0, 0.11), True), ((-0.2, 0.0, 0.0), True)])
def test_a_worst_moment_is_an_error(predicted, kept):
    """Of a policy that drives as the driver does there is no moment to show."""
    log = ReplayLog('a', '', 100.0)
    log.add_moment(Moment(1.0, Command(*predicted), Command(0.2)), lambda: b'picture')
    assert bool(log.worst) is kept


def test_only_the_frames_that_came_are_replayed(tmp_path):
    policy = load_policy(threads=1)
    path = write(tmp_path / 'a', seconds=2.0)
    with Bag(path) as bag:
        stamps = [event.stamp_ns for event in bag.events(('image',))]
        whole, some = replay(bag, policy), replay(bag, policy, only=set(stamps[::3]))
        late = replay(bag, policy, start_s=1.0)
    assert some.frames == 20 and some.stamps.tolist() == stamps[::3]
    assert abs(whole.predicted[::3] - some.predicted).max() > 1e-4, 'the policy looks back'
    assert late.stamps.tolist() == stamps[10:] and late.instruction == TEXT
    told = summarise([late], policy, 1.0)['recordings'][0]
    assert told['seconds'] == pytest.approx(0.93, abs=0.01)


def test_frames_used_stand_beside_those_read(tmp_path, capsys):
    out, html = tmp_path / 'a.json', tmp_path / 'a.html'
    assert verb.main([str(write_odd(tmp_path / 'odd')), '--json', str(out),
                      '--html', str(html)]) == 0
    said, told = capsys.readouterr().out, json.loads(out.read_text())
    row, = told['recordings']
    assert row['messages']['told'] == ODD_TOLD and told['frames'] == row['frames'] == 60
    assert row['compared'] + sum(row['not_compared'].values()) == row['frames']
    assert row['not_compared'] == {'with a stamp that is not newer than the one before': 53,
                                   'with a command that cannot be read': 1}
    words = '6 of 60 frames are compared (53 with a stamp that is not newer than the one before, '
    for line in (words, *ODD_TOLD):
        assert f'odd: {line}' in said and line in html.read_text()


def test_what_no_command_answers_is_counted(tmp_path):
    with BagWriter(tmp_path / 'a') as bag:
        for i in range(30):
            ns = START + i * NS // 10
            bag.put('/image', ns, image(picture(i, (32, 24)), ns))
            if i == 4:
                bag.put('/instruction', ns + 1, text(TEXT))
            if i < 9:
                bag.put('/cmd_vel', ns + 2, twist((0.2, 0.0, 0.1)))
    with Bag(tmp_path / 'a') as bag:
        drive = replay(bag, load_policy(threads=1))
    assert drive.unused == {'without an instruction': 5, 'without a command within 0.5 s': 21}
    assert len(drive.stamps) == 4 and drive.frames == 30


@pytest.mark.parametrize('first_ns', [0, START - 86400 * NS])
def test_a_gap_costs_neither_time_nor_memory(tmp_path, first_ns):
    with BagWriter(tmp_path / 'a') as bag:
        bag.put('/instruction', first_ns, text(TEXT))
        for i in range(20):
            ns = START + i * NS // 10
            bag.put('/image', ns, image(picture(i, (32, 24)), ns))
            bag.put('/cmd_vel', ns + 2, twist((0.2, 0.0, 0.1)))
    with Bag(tmp_path / 'a') as bag:
        drive = replay(bag, load_policy(threads=1))
    assert len(drive.stamps) == drive.frames == 20 and drive.seconds < 5.0
    assert len(drive.sent) < 120 and drive.reading.words()[0].startswith('nothing comes for ')
