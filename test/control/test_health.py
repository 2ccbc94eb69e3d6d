"""QoS mismatches and silent cameras in the drive node's health: what is news, what is over."""

from mobile_vla_ros.contract import NS
from mobile_vla_ros.control.health import Health

TYPE = 'sensor_msgs/msg/Image'


def test_a_mismatch_is_forgotten_when_all_fit_twice_in_a_row():
    health = Health()
    health.mismatch('/cmd_vel', 'DURABILITY')
    health.mismatch('/instruction', 'RELIABILITY')
    assert not health.fit({'/cmd_vel'}) and len(health.mismatches) == 2
    assert not health.fit(set())
    assert not health.fit({'/cmd_vel'})
    health.mismatch('/cmd_vel', 'DURABILITY')  # another peer, which the graph does not know yet
    assert not health.fit({'/cmd_vel'})
    assert health.fit({'/cmd_vel'}) and health.mismatches == {'/instruction': 'RELIABILITY'}


def test_a_reader_keeps_what_it_iterates_over():
    health = Health()
    health.mismatch('/cmd_vel', 'DURABILITY')
    for _ in health.mismatches:  # as another thread does
        health.mismatch('/instruction', 'RELIABILITY')
    assert list(health.mismatches) == ['/cmd_vel', '/instruction']


def test_why_no_frame_comes_is_news_once():
    health = Health()
    camera = [('cam', TYPE)]

    def news(publishers, now_ns):
        health.graph(publishers, [], now_ns)
        return health.silence('/image', TYPE, now_ns)
    start = 100 * NS
    assert [news([], start), news([], start + 1)] == [True, False]
    assert [news(camera, start + at) for at in (0, NS - 1, NS, NS + 1)] == [
        True, False, True, False]
    assert [news([('cam', 'other')], start + NS), news([('cam', 'other')], start + NS)] == [
        True, False]
    health.frame(start + 2 * NS, 0, True)
    assert [news(camera, start + at * NS) for at in (2, 3)] == [True, False]
    assert news(camera, start + 3 * NS + 1)
