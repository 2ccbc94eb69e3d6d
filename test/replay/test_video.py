"""The video of a replay."""

import json

import cv2
import numpy as np
import pytest

pytest.importorskip('rosbags')
from support.expert_drive import write_bag  # noqa: E402

from mobile_vla_ros.cli import replay as verb  # noqa: E402
from mobile_vla_ros.replay import video as replay_video  # noqa: E402


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp('replay') / 'drive'
    return path, write_bag(path)


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
