"""Others in the graph: who publishes on cmd_vel too, who is missing or does not fit."""

import time

from geometry_msgs.msg import Twist
import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from support.drive_checks import assert_no_stop, assert_told, stranger
from support.ros_harness import assert_within, graph, wait_for


@pytest.mark.parametrize('exclusive, words', [
    (False, '; another publisher on cmd_vel: tester'),
    (True, 'STOP: another node publishes on cmd_vel')])
def test_23_a_second_publisher_is_told_and_may_stop(exclusive, words, trial):
    with graph() as g:
        g.drives(**{'exclusive': True} if exclusive else {})
        at = time.monotonic()
        rival = g.node.create_publisher(Twist, 'cmd_vel', 10)
        assert_told(g, 'control', words, at, seconds=1.0)
        if exclusive:
            zero = wait_for(lambda: g.zero(at), 2.0, 'a zero')
            assert_within(zero[0] - at, 1.0, at)
        else:
            assert_no_stop(g, at)
        gone = time.monotonic()
        g.apart(g.node.destroy_publisher, rival)
        wait_for(lambda: g.moving(time.monotonic() - 0.05), 3.0, 'moving again')
        wait_for(lambda: [at for at, *told in list(g.history) if at > gone
                          and told == ['drive: control', b'\x00', 'driving']], 3.0, 'all well')


def test_24_a_camera_that_is_missing_silent_or_of_another_kind_is_told(trial):
    with graph() as g:
        for publisher in (g.images, g.jpegs):
            g.apart(g.node.destroy_publisher, publisher)
        g.drive(armed=True, instruction='go')
        wait_for(lambda: 'drive: camera' in g.diagnostics, 20.0, 'diagnostics')
        assert_told(g, 'camera', 'nobody publishes /image: start the camera', time.monotonic())
        with stranger(g) as node:
            for kind, words in [
                    (Image, 'stranger publishes /image but no frame arrives: large frames need'),
                    (CompressedImage, 'stranger publishes /image as sensor_msgs/msg/Compressed'
                     'Image, wanted sensor_msgs/msg/Image: set image_transport')]:
                at = time.monotonic()
                camera = node.create_publisher(kind, 'image', 10)
                assert_told(g, 'camera', words, at)
                at = time.monotonic()
                node.destroy_publisher(camera)
                assert_told(g, 'camera', 'nobody publishes /image', at)


def test_24_a_camera_that_falls_silent_is_told(trial):
    with graph() as g:
        g.drives()
        last = g.still()
        assert_told(g, 'camera', 'tester publishes /image but no frame arrives', last)


@pytest.mark.parametrize('topic, policy, open_it', [
    ('/instruction', 'RELIABILITY', lambda node: node.create_publisher(
        String, 'instruction', QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))),
    ('/cmd_vel', 'DURABILITY', lambda node: node.create_subscription(
        Twist, 'cmd_vel', print, QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)))
], ids=['instruction', 'cmd_vel'])
def test_24_a_peer_of_another_qos_is_told_until_it_leaves(topic, policy, open_it, trial):
    with graph() as g:
        g.drives()
        with stranger(g) as node:
            at = time.monotonic()
            open_it(node)
            assert_told(g, 'control', f'QoS {policy} of a peer on {topic} does not match, give '
                        'both the same', at)
            kept = time.monotonic()
            wait_for(lambda: g.history[-1][0] > kept + 1.5, 4.0, 'more diagnostics')
            assert 'QoS' in g.diagnostics['drive: control'].message, 'it is still there'
        wait_for(lambda: g.diagnostics['drive: control'].message == 'driving', 3.0, 'all well')
