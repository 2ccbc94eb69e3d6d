"""The demo as a user runs it: real nodes over DDS, a film, a picture, a summary."""

import json
import subprocess
import sys

import cv2
import pytest

pytest.importorskip('rclpy')
pytestmark = pytest.mark.nodes
KEYS = {'success', 'contacts', 'side_ok', 'seconds', 'latency_ms_p50', 'latency_ms_p99',
        'instruction', 'seed', 'checkpoint_sha256'}


def demo(*args):
    return subprocess.run([sys.executable, '-m', 'mobile_vla_ros', 'demo', *args],
                          capture_output=True, text=True)


def test_it_drives_films_and_sums_up(tmp_path):
    words = '상자 왼쪽으로 지나서 빨간 병 앞에 멈춰'
    run = demo('--seed', '2000007', '--instruction', words, '--out', str(tmp_path))
    assert run.returncode in (0, 1), run.stderr  # reached or not is the benchmark's matter
    summary = json.loads((tmp_path / 'summary.json').read_text(encoding='utf-8'))
    assert KEYS <= set(summary)
    assert summary['instruction'] == words and summary['seed'] == 2000007
    assert (summary['side'], summary['color']) == ('left', 'red')
    assert summary['success'] == (run.returncode == 0)
    assert len(summary['checkpoint_sha256']) == 64 and summary['latency_ms_p50'] > 0
    film = cv2.VideoCapture(str(tmp_path / 'demo.mp4'))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) >= 20
    good, frame = film.read()
    assert good and frame.std() > 10
    picture = cv2.imread(str(tmp_path / 'demo.png'))
    assert picture.shape[1] >= 800 and picture.std() > 10


def test_a_caption_has_every_letter_or_is_in_english():
    from matplotlib.font_manager import fontManager
    words = pytest.importorskip('mobile_vla_ros.demo.captions')
    from mobile_vla_ros.demo.run import make_task
    text, path = words.caption(make_task(2000007, '왼쪽으로 돌아 빨간 병으로 가'))
    assert 'LastResort' not in path  # which has a box for every letter
    if any(name in font.name for font in fontManager.ttflist for name in ('CJK', 'Nanum')):
        assert '왼쪽' in text
    else:
        assert text.startswith('Pass on the left, stop at the red bottle')
    assert words.caption(make_task(2000007, 'go left to the red bottle'))[0] == \
        '“go left to the red bottle”'


@pytest.mark.parametrize('args, message', [
    (['--instruction', 'go left to the green cat'], 'has no green bottle'),
    (['--instruction', 'go to the red bottle'], 'names no side'),
    (['--instruction', 'go left, then right to the red bottle'], 'more than one side'),
    (['--instruction', 'go left'], 'names no colour'),
    (['--seed', '-4'], 'seed -4'), (['--checkpoint', 'nowhere.onnx'], 'nowhere.onnx')])
def test_bad_input_is_one_line(tmp_path, args, message):
    run = demo('--seed', '2000007', '--out', str(tmp_path), *args)
    assert run.returncode == 2 and not list(tmp_path.iterdir())
    lines = run.stderr.strip().splitlines()
    assert len(lines) == 1 and message in lines[0], run.stderr
