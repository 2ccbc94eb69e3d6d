"""The time of a recording that is played: it stands still while paused."""

import pytest

pytest.importorskip('rosbags')
from support.bags import START  # noqa: E402

from mobile_vla_ros.contract import NS  # noqa: E402
from mobile_vla_ros.data.timeline import Timeline  # noqa: E402


def test_a_timeline_stands_still_while_paused():
    line = Timeline(2.0, START)
    assert line.at_ns(START + NS) == 2 * NS and line.wait_s(4 * NS, START + NS) == 1.0
    line.pause(True, START + NS)
    line.pause(True, START + 2 * NS)
    assert line.at_ns(START + 9 * NS) == 2 * NS and line.wait_s(4 * NS, START + 9 * NS) is None
    line.pause(False, START + 9 * NS)
    assert line.at_ns(START + 10 * NS) == 4 * NS and line.wait_s(4 * NS, START + 10 * NS) == 0.0
