"""Recorded driving through the deployed pipeline."""

import json

import numpy as np
import pytest
from support.tiny_checkpoint import write as write_tiny

pytest.importorskip('rosbags')
from support.expert_drive import write_bag  # noqa: E402
from support.paths import DATA  # noqa: E402

from mobile_vla_ros import load_policy  # noqa: E402
from mobile_vla_ros.cli import replay as verb  # noqa: E402
from mobile_vla_ros.control.reasons import Reason  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.data.storage import BagError  # noqa: E402
from mobile_vla_ros.inference.policy import Policy  # noqa: E402
from mobile_vla_ros.replay.log import REASONS  # noqa: E402
from mobile_vla_ros.replay.metrics import summarise  # noqa: E402
from mobile_vla_ros.replay.replay import replay  # noqa: E402
from mobile_vla_ros.report.gate import failures  # noqa: E402


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp('replay') / 'drive'
    return path, write_bag(path)


def test_the_shipped_policy_is_scored_and_listens(bag, tmp_path, capsys):
    path, scenario = bag
    out, html = tmp_path / 'a.json', tmp_path / 'a.html'
    assert verb.main([str(path), '--json', str(out), '--html', str(html)]) == 0
    assert 'linear_x beats a constant' in capsys.readouterr().out
    result = json.loads(out.read_text())
    policy, mean = result['scores']['policy']['mae'], result['scores']['mean']['mae']
    assert policy[0] < mean[0]
    assert result['scores']['repeat-last']['mae'][0] < mean[0]
    assert result['instruction_sensitivity']['swapped'][1] > 0.02
    row, = result['recordings']
    assert row['instruction'] == scenario.instruction
    assert row['stopped_share'] < 0.2 and row['sent'][Reason.DRIVING.text] > 100
    text = html.read_text()
    assert 'http' not in text and '<script' not in text, 'no request, and no film that needs one'
    assert text.index('Drives like the driver') < text.index('class="curves"') < \
        text.index('Errors</h2>') < text.index('<details><summary>Root mean square')


def test_the_same_replay_twice_is_bit_identical(bag):
    policy = load_policy(threads=1)
    results = []
    for _ in range(2):
        with Bag(bag[0]) as opened:
            result = summarise([replay(opened, policy)], policy, 1.0)
        result.pop('timing')
        results.append(json.dumps(result, sort_keys=True))
    assert results[0] == results[1]


def test_a_dead_camera_stops_what_is_sent(tmp_path):
    write_bag(tmp_path / 'gap', gap=(2.95, 4.95), seconds=7.0)
    with Bag(tmp_path / 'gap') as opened:
        drive = replay(opened, load_policy(threads=1))
    times, reasons = drive.sent[:, 0], [REASONS[int(index)] for index in drive.sent[:, 4]]
    dead = (3.2 < times) & (times < 4.9)
    assert dead.sum() > 30 and not drive.sent[dead, 1:4].any()
    assert {reasons[i] for i in np.flatnonzero(dead)} == {Reason.NO_FRAMES}
    alive = np.flatnonzero((1.0 < times) & (times < 2.9))
    assert {reasons[i] for i in alive} == {Reason.DRIVING}
    assert 1 / np.mean(np.diff(times)) == pytest.approx(20, rel=0.03)
    first, last = next((first, last) for first, last, reason in drive.stops()
                       if reason is Reason.NO_FRAMES and first > 1.0)
    assert (first, last) == (pytest.approx(3.15, abs=0.1), pytest.approx(4.95, abs=0.15))


def test_a_policy_that_ignores_the_words_shows(bag, tmp_path):
    tiny = load_policy(write_tiny(tmp_path / 'tiny.onnx', weight=0.0))
    with Bag(bag[0]) as opened:
        result = summarise([replay(opened, tiny)], tiny, 1.0)
    assert result['instruction_sensitivity']['swapped'] == [0.0, 0.0, 0.0]
    assert result['scores']['policy']['mae'] == result['scores']['zero']['mae']


class Broken:
    """The engine of a good policy, with one thing wrong."""

    name = 'broken'

    def __init__(self, engine, how):
        self.engine, self.how, self.last = engine, how, None

    def __call__(self, image, past, text):
        if self.how == 'late':
            image, self.last = (image if self.last is None else self.last), image
        if self.how == 'deaf':
            text = np.zeros_like(text)
        commands, look = self.engine(image, past, text)
        if self.how == 'flipped':
            commands = commands * np.float32([1, -1, 1])
        if self.how == 'constant':
            commands = np.broadcast_to(np.float32([0.25, 0.0, 0.0]), commands.shape)
        return commands, look


GOOD = {'instruction_sensitivity.swapped.linear_y': {'min': 0.05},
        'scores.policy.direction.linear_y': {'min': 0.7},
        'scores.policy.mae.linear_y': {'below': 'scores.mean.mae.linear_y', 'times': 0.7},
        'lag_s': {'max': 0.05}}


@pytest.mark.parametrize('how, figure', [
    ('nothing', None), ('deaf', 'instruction_sensitivity'), ('flipped', 'direction'),
    ('constant', 'mae'), ('late', 'lag_s')])
def test_a_broken_model_fails_the_figure_that_is_made_for_it(bag, how, figure):
    policy = load_policy(threads=1)
    broken = Policy(Broken(policy.engine, how), policy.metadata)
    with Bag(bag[0]) as opened:
        result = summarise([replay(opened, broken)], broken, 1.0)
    found = failures(result, GOOD)
    if figure is None:
        assert not found, found
    else:
        assert any(figure in line for line in found), found


def test_a_gate_decides_the_exit_status(bag, tmp_path, capsys):
    spec = tmp_path / 'spec.yaml'
    spec.write_text('scores.policy.mae.linear_x: {below: scores.mean.mae.linear_x}')
    assert verb.main([str(bag[0]), '--fail-under', str(spec)]) == 0
    tiny = write_tiny(tmp_path / 'tiny.onnx', weight=0.0)
    assert verb.main([str(bag[0]), '--fail-under', str(spec), '--checkpoint', str(tiny)]) == 1
    assert 'below the gate: scores.policy.mae.linear_x' in capsys.readouterr().err


def test_bad_bags_are_one_line(tmp_path, capsys, bag):
    empty = tmp_path / 'a.bag'
    empty.write_bytes(b'')
    for args, words in (
            ([str(tmp_path / 'nowhere')], 'no bag at'), ([str(empty)], 'not a readable bag'),
            ([str(bag[0]), '--image-topic', '/other'], "no image topic '/other'"),
            ([str(bag[0]), '--rate', '0'], '--rate must be within')):
        assert verb.main(args) == 2
        error = capsys.readouterr().err
        assert words in error and len(error.strip().splitlines()) == 1


@pytest.mark.skipif(not DATA.exists(), reason='needs the shared recordings')
def test_a_recording_without_a_camera_says_what_it_has():
    with pytest.raises(BagError, match='no camera in this bag.*/cmd_vel'):
        Bag(next((DATA / 'neato_rosbag2' / 'drive_square').parent.glob('drive_square')))
    for path in sorted((DATA / 'odd_image_bags').iterdir()):
        try:  # odd input is refused or read, never an exception of a parser
            with Bag(path) as opened:
                assert sum(1 for _ in opened.events()) > 0
        except BagError as error:
            assert str(path) in str(error)
