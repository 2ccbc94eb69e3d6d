"""What a replay keeps and asks: bounded memory, other words, labels, ages, times."""

import json
import subprocess
import sys

import numpy as np
import pytest
from support.tiny_checkpoint import write as write_tiny

pytest.importorskip('rosbags')
from support.bags import (  # noqa: E402
    BagWriter, image, ODD_TOLD, picture, START, TEXT, text, twist, write, write_odd)

from mobile_vla_ros import load_policy  # noqa: E402
from mobile_vla_ros.cli import replay as verb  # noqa: E402
from mobile_vla_ros.contract import Command, NS  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.data.timeline import Timeline  # noqa: E402
from mobile_vla_ros.replay.log import Moment, ReplayLog, WORST  # noqa: E402
from mobile_vla_ros.replay.metrics import summarise  # noqa: E402
from mobile_vla_ros.replay.prefetch import prefetch  # noqa: E402
from mobile_vla_ros.replay.replay import replay  # noqa: E402
from mobile_vla_ros.replay.rewordings import rewordings  # noqa: E402
from mobile_vla_ros.sim.language import parse_instruction  # noqa: E402

PEAK = """
import resource, sys
from mobile_vla_ros.cli.replay import main
main(sys.argv[1:])
print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_bag(tmp_path):
    tiny, peaks = str(write_tiny(tmp_path / 'tiny.onnx')), []
    for seconds in (6.0, 60.0):
        bag = str(write(tmp_path / f'{seconds:g}', seconds=seconds, hz=20.0, compressed=True))
        out = subprocess.run(
            [sys.executable, '-c', PEAK, bag, '--checkpoint', tiny, '--html',
             str(tmp_path / 'a.html'), '--json', str(tmp_path / 'a.json')],
            check=True, capture_output=True, text=True).stdout
        peaks.append(int(out.split()[-1]))
    assert json.loads((tmp_path / 'a.json').read_text())['frames_compared'] == 1200
    assert peaks[1] < 1.1 * peaks[0], f'{peaks} KB'


def test_the_baselines_are_those_that_are_named(tmp_path):
    """The last command before a frame is known to who repeats it, the one after it is not."""
    answers = np.random.default_rng(0).uniform(-0.4, 0.4, (30, 3))  # 10 ms after each frame
    between = np.random.default_rng(1).uniform(0.4, 0.9, (30, 3))  # 60 ms after it
    with BagWriter(tmp_path / 'bag', info={'scenario': 'hall'}) as bag:
        bag.put('/instruction', START, text(TEXT))
        for i, (answer, later) in enumerate(zip(answers, between)):
            ns = START + (i + 1) * NS // 10
            bag.put('/camera/image', ns, image(picture(i, (32, 24)), ns))
            bag.put('/cmd_vel', ns + NS // 100, twist(answer))
            bag.put('/cmd_vel', ns + 6 * NS // 100, twist(later))
    still = load_policy(write_tiny(tmp_path / 'tiny.onnx', weight=0.0))
    with Bag(tmp_path / 'bag') as bag:
        result = summarise([replay(bag, still)], still, 1.0)
    before = np.concatenate([np.zeros((1, 3)), between[:-1]])
    expected = {'policy': 0.0, 'zero': 0.0, 'mean': answers.mean(0), 'repeat-last': before}
    assert result['frames_compared'] == 30 and set(result['scores']) == set(expected)
    for name, constant in expected.items():
        assert result['scores'][name]['mae'] == pytest.approx(
            np.abs(answers - constant).mean(0), abs=1e-5), name
    assert result['by_scenario']['hall']['mae_mean'] == result['scores']['mean']['mae']


def test_bags_replayed_at_once_are_as_one_after_the_other(tmp_path, capsys):
    bags = [str(write(tmp_path / name, seconds=2.0, hz=hz, compressed=True))
            for name, hz in (('a', 10.0), ('b', 5.0), ('c', 20.0))]
    told = []
    for processes in '1', '2':
        out = tmp_path / f'{processes}.json'
        assert verb.main([*bags, '--processes', processes, '--json', str(out)]) == 0
        told.append(json.loads(out.read_text()))
        assert told[-1].pop('timing')['times_real_time'] > 0
    assert told[0] == told[1]
    assert [row['name'] for row in told[0]['recordings']] == ['a', 'b', 'c']
    next((tmp_path / 'c').glob('*.db3')).unlink()
    assert verb.main([*bags, '--processes', '2']) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f'error: {bags[2]}: ')


def test_labels_ages_and_other_words_are_told(tmp_path):
    bags = [write(tmp_path / name, seconds=3.0, age_s=0.04, info=labels, says=((0.0, text),))
            for name, labels, text in (
                ('a', {'scenario': 'two boxes', 'distance': 'close'}, TEXT),
                ('b', {'scenario': 'two boxes', 'distance': 'far'}, TEXT),
                ('c', {}, 'follow the corridor'))]
    out, html = tmp_path / 'a.json', tmp_path / 'a.html'
    assert verb.main([*map(str, bags), '--json', str(out), '--html', str(html)]) == 0
    told = json.loads(out.read_text())
    assert told['by_scenario'].keys() == {'two boxes'}
    assert told['by_scenario']['two boxes']['recordings'] == 2
    assert [told['by_distance'][name]['frames'] for name in ('close', 'far')] == [30, 30]
    assert told['frame_age_ms'] == {'p50': 40.0, 'p95': 40.0, 'p99': 40.0, 'max': 40.0}
    moved = told['instruction_sensitivity']
    assert all(moved[name] for name in ('swapped', 'blank', 'paraphrased', 'translated'))
    assert moved['swapped'][1] > 3 * moved['paraphrased'][1], 'the side counts, not its words'
    text = html.read_text()
    assert 'By scenario' in text and 'By distance' in text and 'repeat-last is no rival' in text
    assert told['recordings'][2]['reworded']['paraphrased'] is None
    stop, = (stop for stop in told['recordings'][0]['stops']
             if stop['reason'] == 'waiting for fresh frames in a row')
    assert 0.0 <= stop['from_s'] < stop['to_s'] < 0.4


def test_words_that_name_no_task_are_not_put_otherwise(tmp_path):
    bag = write(tmp_path / 'a', says=((0.0, 'follow the corridor'),))
    html = tmp_path / 'a.html'
    assert verb.main([str(bag), '--html', str(html), '--json', str(tmp_path / 'a.json')]) == 0
    told = json.loads((tmp_path / 'a.json').read_text())
    assert told['instruction_sensitivity']['swapped'] is None
    assert told['instruction_sensitivity']['translated'] is None
    assert told['instruction_sensitivity']['blank'] is not None
    assert told['frame_age_ms'] is None, 'stamps of receipt say nothing of age'
    text = html.read_text()
    assert 'does not name one side and one of the colours' in text and 'is not known' in text


@pytest.mark.parametrize('text', [TEXT, '박스 좌측으로 가서 파란 병을 향해 가줘'])
def test_other_words_mean_the_same_task(text):
    words = rewordings(text)
    task = parse_instruction(text)
    assert parse_instruction(words['paraphrased']) == task
    assert parse_instruction(words['translated']) == task
    assert parse_instruction(words['swapped'])[0] != task[0]
    assert len({text, *words.values()}) == 5 and words == rewordings(text)
    assert words['paraphrased'].isascii() == text.isascii() != words['translated'].isascii()


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


def test_what_is_read_ahead_keeps_order_and_errors():
    def items():
        yield from range(20)
        raise ValueError('damaged')
    got = []
    with pytest.raises(ValueError, match='damaged'):
        for item in prefetch(items()):
            got.append(item)
    assert got == list(range(20))
    ended = []

    def endless():
        try:
            while True:
                yield 1
        finally:
            ended.append(True)
    rows = prefetch(endless())
    next(rows)
    rows.close()
    assert ended, 'the thread is gone'


def test_a_timeline_stands_still_while_paused():
    line = Timeline(2.0, START)
    assert line.at_ns(START + NS) == 2 * NS and line.wait_s(4 * NS, START + NS) == 1.0
    line.pause(True, START + NS)
    line.pause(True, START + 2 * NS)
    assert line.at_ns(START + 9 * NS) == 2 * NS and line.wait_s(4 * NS, START + 9 * NS) is None
    line.pause(False, START + 9 * NS)
    assert line.at_ns(START + 10 * NS) == 4 * NS and line.wait_s(4 * NS, START + 10 * NS) == 0.0


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
