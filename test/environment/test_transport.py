"""The shipped transport profile: nodes that start hear each other at once."""

import time

import pytest

pytest.importorskip('rclpy')
from mobile_vla_ros.environment import transport  # noqa: E402
from support.ros_harness import assert_within, graph, wait_for  # noqa: E402

TALKER = """
import sys, time
from geometry_msgs.msg import Twist
import rclpy
rclpy.init()
node = rclpy.create_node('talker')
publisher = node.create_publisher(Twist, 'cmd_vel', 10)
print(time.monotonic(), flush=True)
while True:
    publisher.publish(Twist())
    time.sleep(0.02)
"""


def test_a_node_that_starts_is_heard_before_the_default_profile_tries_again():
    with graph() as g:
        for _ in range(5):  # by default, one start in five takes 3 s; here they take 0.2 to 1.2
            talker = g.start('-c', TALKER)
            wait_for(lambda: talker.lines, 60.0, 'a talker')
            began = float(talker.lines[0])
            heard = wait_for(lambda: [at for at, _ in list(g.received) if at > began], 5.0,
                             'a command')[0]
            assert_within(heard - began, 2.0, began)
            talker.kill()
            time.sleep(0.2)  # for what it sent last
            del g.received[:]


def test_a_users_own_profile_stays(monkeypatch):
    monkeypatch.delenv(transport.PROFILE_VARIABLE, raising=False)
    assert transport.profile()[transport.PROFILE_VARIABLE].endswith('fastdds_shm.xml')
    monkeypatch.setenv(transport.PROFILE_VARIABLE, 'mine.xml')
    assert transport.profile() == {transport.PROFILE_VARIABLE: 'mine.xml'}
