"""Recorded driving through the deployed pipeline."""

import json

import cv2
import numpy as np
import pytest
from support.tiny_checkpoint import write as write_tiny

pytest.importorskip('rosbags')
from support.bags import BagWriter, image, START, text, twist  # noqa: E402

from mobile_vla_ros import load_policy  # noqa: E402
from mobile_vla_ros.cli import replay as verb  # noqa: E402
from mobile_vla_ros.contract import NS  # noqa: E402
from mobile_vla_ros.control.reasons import Reason  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.data.storage import BagError  # noqa: E402
from mobile_vla_ros.environment.share import share_file  # noqa: E402
from mobile_vla_ros.inference.policy import Policy  # noqa: E402
from mobile_vla_ros.replay import video as replay_video  # noqa: E402
from mobile_vla_ros.replay.log import REASONS  # noqa: E402
from mobile_vla_ros.replay.metrics import summarise  # noqa: E402
from mobile_vla_ros.replay.page import headline  # noqa: E402
from mobile_vla_ros.replay.replay import replay  # noqa: E402
from mobile_vla_ros.report.gate import failures  # noqa: E402
from mobile_vla_ros.sim.expert import Expert  # noqa: E402
from mobile_vla_ros.sim.language import swap_sides  # noqa: E402
from mobile_vla_ros.sim.scenario import make_scenario  # noqa: E402
from mobile_vla_ros.sim.seeds import VALIDATION  # noqa: E402
from mobile_vla_ros.sim.simulator import Simulator  # noqa: E402
from support.paths import DATA  # noqa: E402


def write_bag(path, seed=VALIDATION.start + 500_000, gap=(99, 99), seconds=25.0):
    """Record the expert at 10 Hz; frames within `gap` (s) are left out."""
    sim, scenario = Simulator(320, 240), make_scenario(seed)
    sim.reset(scenario)
    expert = Expert(scenario)
    with BagWriter(path) as bag:
        bag.put('/instruction', START, text(scenario.instruction))
        while not sim.outcome().done and sim.time_s < seconds:
            now = START + round(sim.time_s * NS) + 1
            command = expert.act(sim.pose)
            if not gap[0] <= sim.time_s < gap[1]:
                bag.put('/camera/image_raw', now, image(sim.render(), now))
            bag.put('/cmd_vel', now + NS // 100, twist(command))
            sim.step(command, 0.1)
    sim.close()
    return scenario


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


def test_several_checkpoints_are_compared_on_one_page(bag, tmp_path, capsys):
    still = write_tiny(tmp_path / 'still.onnx', weight=0.0)
    out, html = tmp_path / 'a.json', tmp_path / 'a.html'
    shipped = str(share_file('checkpoints', 'default.onnx'))
    args = [str(bag[0]), '--checkpoint', shipped, '--checkpoint', str(still)]
    assert verb.main([*args, '--json', str(out), '--html', str(html)]) == 0
    result = json.loads(out.read_text())['checkpoints']
    assert list(result) == ['default', 'still']
    assert result['still']['scores']['policy']['mae'] == result['still']['scores']['zero']['mae']
    text = html.read_text()
    assert '2 checkpoints on 1 recording<' in text and text.count('does not beat') >= 1
    assert '<td>0.000 / 0.000 / 0.000</td>' in text, 'it does not listen'
    assert verb.main([*args, '--video', str(tmp_path / 'x.mp4')]) == 2
    assert 'one bag and one checkpoint' in capsys.readouterr().err
    assert verb.main([*args[:3], '--checkpoint', shipped]) == 2
    assert 'twice' in capsys.readouterr().err


def test_the_video_shows_both_commands(bag, tmp_path, capsys):
    out, video = tmp_path / 'a.json', tmp_path / 'a.mp4'
    assert verb.main([str(bag[0]), '--json', str(out), '--video', str(video)]) == 0
    film = cv2.VideoCapture(str(video))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == json.loads(out.read_text())['frames_compared']
    assert film.get(cv2.CAP_PROP_FPS) == pytest.approx(10.0)
    assert (film.get(cv2.CAP_PROP_FRAME_WIDTH), film.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (640, 480)
    plain = np.full((240, 320, 3), 90, np.uint8)
    left = replay_video.draw(plain, (0.0, 0.0, 0.0), (0.0, 0.4, 0.0)).astype(int)
    orange = (np.abs(left - replay_video.PREDICTED).sum(2) < 40)[200:]
    assert orange[:, :320].sum() > 10 * max(1, orange[:, 340:].sum()), 'left is at the left'


def test_the_headline_takes_the_better_constant():
    scores = {'policy': {'mae': [0.1, 0.2, 0.0114]}, 'zero': {'mae': [0.3, 0.1, 0.0114]},
              'mean': {'mae': [0.2, 0.3, 0.015]}}
    words = headline({'axes': ['x', 'y', 'z'], 'scores': scores})
    assert 'x beats a constant (0.100 against 0.200)' in words
    assert 'y does not beat' in words and 'z does not beat' in words


@pytest.mark.parametrize('text, swapped', [
    ('Go Left of it', 'Go Right of it'), ('상자 왼쪽으로', '상자 오른쪽으로'),
    ('좌측, 빨간 병', '우측, 빨간 병'), ('go to the bright one', None)])
def test_sides_are_exchanged_in_words(text, swapped):
    assert swap_sides(text) == swapped


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
