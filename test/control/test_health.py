"""What the drive node's diagnostics say: faults with remedies, QoS mismatches, silent cameras."""

from types import SimpleNamespace

import numpy as np
import pytest

from mobile_vla_ros.contract import NS
from mobile_vla_ros.control.guard import Guard
from mobile_vla_ros.control.health import Health
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.control.status import ERROR, OK, PilotState, WARN
from mobile_vla_ros.images.decode import check, MessageError

MS = 1_000_000
PERIOD = 50 * MS
TYPE = 'sensor_msgs/msg/Image'


def statuses(health, now_ns=10**10, active=True, reason=Reason.DRIVING):
    """Return the node's statuses."""
    return health.statuses(PilotState('drive', '/image', TYPE, now_ns, active, reason, {},
                                      Guard()))


def messages(health, **kwargs):
    """Return the level and the message of each status."""
    return [(status.level, status.message) for status in statuses(health, **kwargs)]


def fed(**kwargs):
    health = Health()
    for now in range(9 * 10**9, 10**10, PERIOD):
        health.note_frame(now, 0, True)
    return health


def test_health_when_all_is_well():
    control, camera, policy = messages(fed())
    assert control == (OK, 'driving') and policy == (OK, 'no failure')
    assert camera == (OK, '20.0 Hz, 50 ms old')


@pytest.mark.parametrize('reason, level', [
    (Reason.DISARMED, WARN), (Reason.NO_FRAMES, ERROR), (Reason.STOPPED, ERROR)])
def test_a_stop_is_told_with_its_way_out(reason, level):
    control = messages(fed(), reason=reason)[0]
    assert control == (level, f'STOP: {reason.text}; {reason.way_out}')


def test_rivals_and_mismatches_are_errors():
    health = fed()
    health.note_graph([], ['teleop'], 0)
    health.mismatches['cmd_vel'] = 'DURABILITY'
    level, words = messages(health)[0]
    assert level == ERROR and 'another publisher on cmd_vel: teleop' in words
    assert 'QoS DURABILITY of a peer on cmd_vel does not match' in words


@pytest.mark.parametrize('publishers, seen_ns, level, words', [
    ([], 0, ERROR, 'nobody publishes /image: start the camera'),
    ([('cam', 'sensor_msgs/msg/Image')], 10**10, WARN, 'cam publishes /image; waiting'),
    ([('cam', 'sensor_msgs/msg/Image')], 10**9, ERROR, 'no frame arrives: large frames need'),
    ([('cam', 'sensor_msgs/msg/CompressedImage')], 10**9, ERROR,
     'cam publishes /image as sensor_msgs/msg/CompressedImage, wanted sensor_msgs/msg/Image')])
def test_a_silent_camera_is_explained(publishers, seen_ns, level, words):
    health = Health()
    health.note_graph(publishers, [], seen_ns)
    told = messages(health)[1]
    assert told[0] == level and words in told[1]


def test_a_silent_camera_with_another_qos_is_explained():
    health = Health()
    health.note_graph([('cam', 'sensor_msgs/msg/Image')], [], 1)
    health.mismatches['/image'] = 'RELIABILITY'
    assert 'QoS RELIABILITY does not match' in messages(health)[1][1]


@pytest.mark.parametrize('offset_ns, words, value', [
    (None, 'frames are not stamped (header.stamp is 0): the time of their receipt', 'not stamped'),
    (-1_789_999_900 * 10**9, 'stamps are 20717 days behind this clock, by the time of receipt '
     'frames are driven by: they count from a start or simulated', 'of another epoch'),
    (1_790_000_000 * 10**9, 'stamps are 20717 days ahead of this clock, by the time of receipt '
     'frames are driven by: use_sim_time is set without a /clock', 'of another epoch'),
    (86_400 * 10**9, "stamps are +86400.0 s off this clock: set the camera's clock", '86400.000')])
def test_what_is_odd_about_stamps_is_told_with_its_remedy(offset_ns, words, value):
    health = fed()
    health.note_frame(10**10, offset_ns, True)
    found = statuses(health)[1]
    assert found[1] == WARN and found[2].startswith(words)
    assert found[3]['stamp minus clock, s'] == value


def test_frozen_clock_and_rejections_are_warned_of():
    health = fed()
    picture = np.zeros((48, 64, 3), np.uint8)
    assert not health.note_picture(picture, 0)
    assert health.note_picture(picture, 8 * 10**8)
    assert messages(health)[1] == (WARN, 'the camera repeats one image')
    assert not health.note_picture(picture + 1, 9 * 10**8)
    health.note_frame(10**10, 10**10, True)
    assert messages(health)[1][1].startswith('stamps are +10.0 s off this clock')
    health.note_frame(10**10, 0, False)
    assert 'stamp is not newer' in messages(health)[1][1]
    assert messages(health)[1][0] == OK  # told once; the count stays
    assert health.rejected == {'stamp': 1}
    assert messages(health, active=False)[1] == (OK, 'not looked at while inactive')


def test_pictures_that_cannot_be_read_are_counted_and_named():
    health = fed()
    health.note_frame(10**10, 0, True)
    for encoding in ('8UC3', '8UC3', 'yuv420'):
        msg = SimpleNamespace(encoding=encoding, height=48, width=64, step=192, is_bigendian=0,
                              data=bytes(9216))
        try:
            check(msg)
            health.tally.count(msg)
        except MessageError as error:
            health.note_unreadable(msg, error, str(error))
    camera = statuses(health)[1]
    words = "1 of 3 frames cannot be read: encoding 'yuv420'"
    assert camera[1] == WARN and camera[2].startswith(f'{words}; image encoding')
    assert camera[3]['pictures'] == f'{words}; 8UC3, taken as bgr8'
    assert camera[3]['rejected: encoding'] == 1


def test_a_mismatch_is_forgotten_when_all_fit_twice_in_a_row():
    health = Health()
    health.note_mismatch('/cmd_vel', 'DURABILITY')
    health.note_mismatch('/instruction', 'RELIABILITY')
    assert not health.forget_mismatches({'/cmd_vel'}) and len(health.mismatches) == 2
    assert not health.forget_mismatches(set())
    assert not health.forget_mismatches({'/cmd_vel'})
    health.note_mismatch('/cmd_vel', 'DURABILITY')  # another peer, not in the graph yet
    assert not health.forget_mismatches({'/cmd_vel'})
    assert health.forget_mismatches({'/cmd_vel'})
    assert health.mismatches == {'/instruction': 'RELIABILITY'}


def test_a_reader_keeps_what_it_iterates_over():
    health = Health()
    health.note_mismatch('/cmd_vel', 'DURABILITY')
    for _ in health.mismatches:  # as another thread does
        health.note_mismatch('/instruction', 'RELIABILITY')
    assert list(health.mismatches) == ['/cmd_vel', '/instruction']


def test_why_no_frame_comes_is_news_once():
    health = Health()
    camera = [('cam', TYPE)]

    def news(publishers, now_ns):
        health.note_graph(publishers, [], now_ns)
        return health.note_silence('/image', TYPE, now_ns)
    start = 100 * NS
    assert [news([], start), news([], start + 1)] == [True, False]
    assert [news(camera, start + at) for at in (0, NS - 1, NS, NS + 1)] == [
        True, False, True, False]
    assert [news([('cam', 'other')], start + NS), news([('cam', 'other')], start + NS)] == [
        True, False]
    health.note_frame(start + 2 * NS, 0, True)
    assert [news(camera, start + at * NS) for at in (2, 3)] == [True, False]
    assert news(camera, start + 3 * NS + 1)
