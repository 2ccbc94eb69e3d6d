"""The obstacle veto over real DDS: it slows, stops, wants scans, and keeps the base off boxes."""

import math
import time

import numpy as np
import pytest
from rclpy.qos import qos_profile_sensor_data, QoSProfile
from sensor_msgs.msg import LaserScan
from std_srvs.srv import Trigger

from mobile_vla_ros import messages
from mobile_vla_ros.contract import STOP

from support.ros_harness import assert_within, graph, wait_for

TIMEOUT_S = 0.3


class Scanner:
    """A laser scanner at 20 Hz whose only obstacle is straight ahead."""

    def __init__(self, g, qos=qos_profile_sensor_data):
        self.g, self.ahead, self.sent = g, math.inf, 0.0
        self.publisher = g.node.create_publisher(LaserScan, 'scan', qos)
        self.timer = g.node.create_timer(0.05, self.shoot)

    def shoot(self):
        ranges = np.full(360, np.inf)
        ranges[170:190] = self.ahead
        self.sent = time.monotonic()
        self.publisher.publish(messages.to_laser_scan(
            ranges, -math.pi, 2.0 * math.pi / 360, 10.0, time.time_ns(), 'laser'))

    def stop(self) -> float:
        self.timer.cancel()
        return self.sent


def drives(g, scanner=True, **parameters):
    """Start a drive node with the veto, straight on at half a metre a second."""
    found = Scanner(g) if scanner else None
    process = g.drive('straight', armed=True, instruction='go', **{
        'obstacle.enabled': True, 'obstacle.timeout': TIMEOUT_S, **parameters})
    g.stream()
    return process, found


def told(g, status):
    return g.diagnostics[f'drive: {status}'].message


def test_an_obstacle_slows_and_stops_and_one_that_goes_lets_go():
    with graph() as g:
        _, scanner = drives(g)
        wait_for(lambda: g.last() and g.last()[0] == 0.5, 20.0, 'full speed')
        scanner.ahead = 0.5
        wait_for(lambda: 0.0 < g.last()[0] < 0.4, 3.0, 'less speed')
        wait_for(lambda: 'driving, slowed to 0.' in told(g, 'control')
                 and 'something is 0.15 m ahead' in told(g, 'control'), 3.0, 'the reason')
        at = time.monotonic()
        scanner.ahead = 0.34
        zero = wait_for(lambda: g.zero(at), 3.0, 'a zero')
        assert_within(zero[0] - at, 0.2, at)  # a scan, and a command
        wait_for(lambda: 'STOP: something is in the way; clear it' in told(g, 'control'), 3.0,
                 'the reason')
        values = {v.key: v.value for v in g.diagnostics['drive: scan'].values}
        assert float(values['rate_hz']) == pytest.approx(20.0, rel=0.3)
        assert g.moving(zero[0]) is None
        scanner.ahead = math.inf
        wait_for(lambda: g.last()[0] == 0.5, 3.0, 'full speed again')
        assert 'obstacle.radius' in g.set('drive', **{'obstacle.radius': 20.0}).reason
        scanner.ahead = 2.0
        assert g.set('drive', **{'obstacle.radius': 3.0}).successful
        wait_for(lambda: g.last() == STOP, 3.0, 'a stop before a larger base')


def test_without_scans_it_stops_until_they_are_back():
    with graph() as g:
        _, scanner = drives(g, scanner=False)
        wait_for(lambda: 'no laser scan for obstacle.timeout' in told(g, 'control'), 20.0, 'told')
        assert g.moving() is None
        assert 'no scan comes: start the scanner' in told(g, 'scan')
        scanner = Scanner(g)
        for _ in range(2):
            wait_for(lambda: g.moving(scanner.sent), 5.0, 'moving')
            last = scanner.stop()
            zero = wait_for(lambda: g.zero(last), 2.0, 'a zero')
            assert_within(zero[0] - last, TIMEOUT_S + 0.07, last)
            wait_for(lambda: time.monotonic() > zero[0] + 0.5, 3.0, 'half a second')
            assert g.moving(zero[0]) is None
            scanner.timer.reset()


def test_scans_that_make_no_sense_and_those_that_show_nothing_stop():
    with graph() as g:
        _, scanner = drives(g)
        wait_for(g.moving, 20.0, 'moving')
        scanner.ahead = math.nan
        at = time.monotonic()
        scanner.stop()
        for ranges, step, words in (([], 0.1, 'a scan needs a row of ranges'),
                                    ([1.0], math.nan, 'angle_increment nan')):
            def broken(ranges=ranges, step=step, words=words):
                scanner.publisher.publish(LaserScan(
                    ranges=ranges, angle_increment=step, range_max=5.0))
                time.sleep(0.05)
                return words in told(g, 'scan')
            wait_for(broken, 3.0, words)
        assert g.zero(at) and g.last() == STOP

        def blind():
            scanner.publisher.publish(messages.to_laser_scan(
                np.full(90, np.inf), 1.0, 0.02, 5.0, time.time_ns(), 'laser'))
            time.sleep(0.05)
            return 'the laser scan does not show the way ahead' in told(g, 'control')
        wait_for(blind, 3.0, 'a scan to the left of the way')


def test_a_scanner_of_another_reliability_is_heard_and_none_is_not_wanted():
    with graph() as g:
        Scanner(g, QoSProfile(depth=10))
        drives(g, scanner=False)
        wait_for(g.moving, 20.0, 'moving')
    with graph() as g:
        g.drives('straight')
        assert g.node.count_subscribers('scan') == 0
        assert 'drive: scan' not in g.diagnostics


@pytest.mark.parametrize('enabled', [False, True])
def test_a_policy_that_drives_straight_on_in_the_simulator(enabled):
    pytest.importorskip('mujoco', reason='needs the simulator')
    from support.simulated import Listener, sim
    with graph() as g:
        listener = Listener(g)
        sim(g, seed=2_000_001, width=64, height=48, camera_rate=20.0)
        listener.wait('odom', 5)
        g.apart(g.node.destroy_publisher, g.images)
        g.drive('straight', armed=True, instruction='go', **{
            'obstacle.enabled': enabled, 'obstacle.radius': 0.14})
        wait_for(lambda: g.received, 20.0, 'commands')
        since = time.monotonic()
        assert g.call(Trigger, 'sim/reset').success  # from the start, now that it is heard
        wait_for(lambda: listener.get('outcome')[-1]['episode'] == 1, 2.0, 'a new episode')
        wait_for(lambda: g.moving(since), 5.0, 'moving')

        def outcome():
            return listener.get('outcome')[-1]['outcome']
        if not enabled:  # it does hit something
            wait_for(lambda: outcome()['contacts'], 20.0, 'a contact')
            return
        wait_for(lambda: g.zero(since + 0.5), 20.0, 'a stop')
        wait_for(lambda: 'STOP: something is in the way' in told(g, 'control'), 3.0, 'the reason')
        wait_for(lambda: outcome()['done'], 20.0, 'the end')
        assert outcome()['contacts'] == 0 and outcome()['path_m'] > 0.3
