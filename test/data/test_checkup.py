"""What is measured in a real bag, and what its recorder noted."""

import numpy as np
import pytest

pytest.importorskip('rosbags')
from support.expert_drive import write_bag  # noqa: E402

from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.data.checkup import examine, noted  # noqa: E402


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
