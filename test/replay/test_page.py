"""The pages of a replay and of several checkpoints."""

import base64
import json
import re

import cv2
import numpy as np
import pytest
from support.tiny_checkpoint import write as write_tiny

pytest.importorskip('rosbags')
from support.bags import write  # noqa: E402
from support.expert_drive import write_bag  # noqa: E402

from mobile_vla_ros import load_policy  # noqa: E402
from mobile_vla_ros.cli import replay as verb  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.environment.share import share_file  # noqa: E402
from mobile_vla_ros.replay import arrows  # noqa: E402
from mobile_vla_ros.replay.metrics import summarise  # noqa: E402
from mobile_vla_ros.replay.page import page  # noqa: E402
from mobile_vla_ros.replay.replay import replay  # noqa: E402


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp('replay') / 'drive'
    return path, write_bag(path)


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


def test_worst_moments_are_shown_with_arrows_and_marked_in_the_curves(tmp_path):
    path = write(tmp_path / 'a', seconds=4.0)  # noise, in which no policy drives like this driver
    html = tmp_path / 'a.html'
    assert verb.main([str(path), '--html', str(html)]) == 0
    text = html.read_text()
    shown = re.findall('<figure id="(m1-[0-9])"><img [^>]*base64,([^"]*)"', text)
    assert shown and all(f'<a href="#{name}"' in text for name, _ in shown)
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(shown[0][1]), np.uint8), 1)[..., ::-1]
    assert picture.shape == (240, 320, 3)
    driver = np.abs(picture.astype(int) - arrows.RECORDED).max(2) < 25
    assert driver[100:, 100:220].sum() > 100, 'the arrow of the driver'


def test_a_replay_without_errors_shows_no_worst_moment(tmp_path):
    path = write(tmp_path / 'a', seconds=2.0)
    policy = load_policy(threads=1)
    with Bag(path) as opened:
        log = replay(opened, policy)
    log.replace_predictions(log.recorded)
    log.worst.clear()
    text = page(summarise([log], policy, 1.0), [log])
    assert 'No command was sent.' in text, 'as where nobody received what was driven live'
    assert 'Worst moments' not in text and 'never differ by more than 0.1' in text
