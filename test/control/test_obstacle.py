"""What a scan says, and how far the way ahead is free in it."""

import math

from hypothesis import example, given, settings, strategies as st
import numpy as np
import pytest

from mobile_vla_ros.contract import Command, STOP
from mobile_vla_ros.control.obstacle import free_way, Scan, Zone

from support.scans import at, TURN

ZONE = Zone(radius=0.3, margin=0.05)


@pytest.mark.parametrize('value, points, known', [
    (1.0, 1, 1), (0.1, 1, 1), (8.0, 1, 1), (0.0, 0, 0), (0.09, 0, 0), (8.1, 0, 0), (-1.0, 0, 0),
    (math.nan, 0, 0), (math.inf, 0, 1), (-math.inf, 1, 1)])
def test_ranges_are_understood_as_rep_117_says(value, points, known):
    scan = Scan([value], 0.5, 0.01, 0.1, 8.0)
    assert (len(scan.points), len(scan.known)) == (points, known)


def test_what_is_too_close_to_measure_is_there():
    assert Scan([-math.inf], 0.0, 0.1, 0.12, 8.0).points == pytest.approx(np.array([[0.12, 0.0]]))
    assert Scan([-math.inf], 0.0, 0.1, 0.0, 8.0).points[0, 0] > 0.0


@pytest.mark.parametrize('changes, words', [
    ({'ranges': []}, r'got shape \(0,\)'), ({'angle_min': math.nan}, 'angle_min nan'),
    ({'angle_increment': 0.0}, 'angle_increment 0.0'), ({'angle_increment': 99.0}, 'two turns'),
    ({'range_min': -1.0}, 'range_min -1.0'), ({'range_max': 0.1}, 'range_max 0.1'),
    ({'range_max': math.nan}, 'range_max nan')])
def test_a_scan_that_makes_no_sense_is_refused_with_its_values(changes, words):
    fields = {'ranges': [1.0, 1.0], 'angle_min': 0.0, 'angle_increment': 0.1, 'range_min': 0.1,
              'range_max': 8.0, **changes}
    with pytest.raises(ValueError, match=words):
        Scan(**fields)


@pytest.mark.parametrize('changes, words', [
    ({'radius': -0.1}, 'obstacle.radius must be .* got -0.1'),
    ({'margin': math.nan}, 'obstacle.margin must be .* got nan'),
    ({'radius': math.inf}, 'obstacle.radius must be .* got inf'),
    ({'mount': (0.0, 0.0)}, 'obstacle.mount needs 3'),
    ({'mount': (0.0, math.inf, 0.0)}, 'obstacle.mount needs 3 finite values')])
def test_a_bad_zone_is_refused_with_the_value(changes, words):
    with pytest.raises(ValueError, match=words):
        Zone(**changes)


@pytest.mark.parametrize('direction, seen', [
    (0.0, True), (0.7, True), (0.79, True), (0.81, False), (1.5, False), (math.pi, False),
    (TURN, True)])
def test_half_of_what_is_around_the_direction_must_be_known(direction, seen):
    assert Scan([math.inf] * 161, -0.8, 0.01, 0.1, 8.0).sees(direction) is seen


@pytest.mark.parametrize('direction, seen', [(0.9, True), (-0.9, False), (0.3, False)])
def test_a_scanner_that_looks_to_the_left_sees_to_the_left(direction, seen):
    assert Scan([math.inf] * 61, 0.6, 0.01, 0.1, 8.0).sees(direction) is seen


def test_a_scan_may_go_round_twice_but_for_a_step():
    assert len(Scan([1.0] * 720, 0.0, TURN / 360, 0.1, 8.0).points) == 720
    Scan([1.0] * 5, 0.0, 0.99 * math.pi, 0.1, 8.0)
    with pytest.raises(ValueError, match=r'wanted finite angles within two turns$'):
        Scan([1.0] * 5, 0.0, math.pi, 0.1, 8.0)
    with pytest.raises(ValueError, match=r'm: wanted 0 <= range_min < range_max$'):
        Scan([1.0], 0.0, 0.1, 1.0, 1.0)


def test_a_range_that_is_none_tells_nothing_as_nan_does():
    scan = Scan([None, 1.0], 0.0, 0.1, 0.1, 8.0)
    assert scan.points.shape == (1, 2) and scan.known == pytest.approx([0.1])


def test_exactly_half_is_enough():
    assert Scan([math.inf], 0.0, 0.35, 0.1, 8.0).sees(0.0)


def test_a_base_may_be_a_point_and_a_margin_nothing():
    assert free_way(at([(1.0, 0.0)]), Zone(0.0, 0.3), Command(0.5)) == pytest.approx(0.7)
    assert free_way(at([(1.0, 0.0)]), Zone(0.3, 0.0), Command(0.5)) == pytest.approx(0.7)


def test_a_scan_of_nan_sees_nothing():
    assert not Scan([math.nan] * 360, -math.pi, TURN / 360, 0.1, 8.0).sees(0.0)
    assert Scan([math.nan, math.inf, math.inf] * 120, -math.pi, TURN / 360, 0.1, 8.0).sees(0.0)


@pytest.mark.parametrize('point, command, way', [
    ((1.0, 0.0), Command(0.5), 0.65), ((-1.0, 0.0), Command(-0.1), 0.65),
    ((0.0, 1.0), Command(0.0, 0.3), 0.65), ((1.0, 0.0), Command(-0.5), math.inf),
    ((1.0, 0.34), Command(0.5), 1.0 - math.sqrt(0.35**2 - 0.34**2)),
    ((1.0, 0.36), Command(0.5), math.inf), ((1.0, 0.0), Command(0.0, 0.0, 1.0), math.inf),
    ((0.0, 1.0), Command(0.5, 0.0, 1.0), 0.5 * (math.pi - math.acos(
        (0.25 + 0.25 - 0.35**2) / 0.5))),  # a circle of 0.5 m around (0, 0.5)
    ((0.0, -1.0), Command(0.5, 0.0, -1.0), 0.5 * (math.pi - math.acos(
        (0.25 + 0.25 - 0.35**2) / 0.5))),
    ((0.0, 0.5), Command(0.5, 0.0, 1.0), math.inf),  # runs around it
    ((2.0 * math.sin(0.5), 2.0 - 2.0 * math.cos(0.5)), Command(0.5, 0.0, 0.25),
     2.0 * (0.5 - math.acos(1.0 - 0.35**2 / 8.0))),  # on a wide circle, half a radian ahead
    ((1.0, 0.0), STOP, math.inf)])
def test_how_far_the_way_is_free(point, command, way):
    assert free_way(at([point]), ZONE, command) == pytest.approx(way)


def test_within_the_margin_it_may_leave_and_run_along_but_come_no_nearer():
    wall = at([(x / 100, 0.32) for x in range(-100, 300)])
    assert free_way(wall, ZONE, Command(0.5)) == math.inf
    assert free_way(wall, ZONE, Command(0.5, -0.1)) == math.inf
    assert free_way(wall, ZONE, Command(0.5, 0.1)) == pytest.approx(0.0, abs=0.01)
    assert free_way(wall, ZONE, Command(0.0, 0.1)) == 0.0
    touching = at([(0.1, 0.1)])
    assert free_way(touching, ZONE, Command(0.1)) == 0.0
    assert free_way(touching, ZONE, Command(-0.1)) == math.inf


@pytest.mark.parametrize('mount', [(0.2, 0.0, 0.0), (0.0, -0.3, 1.0), (0.1, 0.1, math.pi)])
def test_the_scanner_may_be_mounted_anywhere(mount):
    x, y, yaw = mount
    seen = np.array([1.5 - x, 0.1 - y]) @ np.array([[math.cos(yaw), -math.sin(yaw)],
                                                    [math.sin(yaw), math.cos(yaw)]])
    assert free_way(at(seen), Zone(0.3, 0.05, mount), Command(0.4)) == pytest.approx(
        1.5 - math.sqrt(0.35**2 - 0.1**2))


coordinate = st.floats(-2.0, 2.0)
velocity = st.floats(-1.0, 1.0)


def run(points, command, seconds=4.0, step=1e-3):
    """Return how near the points come along the way, (steps, n) m, and the ways (steps,) m."""
    steps = np.arange(0.0, seconds, step)
    yaw = command.angular_z * steps
    dx = np.cos(yaw) * command.linear_x - np.sin(yaw) * command.linear_y
    dy = np.sin(yaw) * command.linear_x + np.cos(yaw) * command.linear_y
    centre = np.cumsum(np.stack([dx, dy], -1), 0) * step
    return np.linalg.norm(centre[:, None] - points, axis=-1), steps * command.speed


@given(st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=8), velocity, velocity,
       st.floats(-2.0, 2.0))
@example([(1.0, 1.0)], 0.5, 0.5, 0.0)
@settings(max_examples=200, deadline=None)
def test_the_way_is_that_of_a_disc_on_an_arc(points, vx, vy, wz):
    command = Command(vx, vy, wz)
    points = np.array([p for p in points if math.hypot(*p) > 0.36]).reshape(-1, 2)
    if command.speed < 0.05 or abs(wz) * 4.0 > TURN or not len(points):
        return
    way = free_way(at(points), ZONE, command)
    away, ways = run(points, command)
    before = away[ways <= way - 0.01]
    assert before.size == 0 or before.min() >= 0.35 - 0.01  # nothing is met before
    met = away[(ways >= way) & (ways <= way + 0.05)]
    if way < ways[-1] - 0.05:
        assert met.min() <= 0.35 + 0.01  # and there, something is


def test_the_simulated_scan_is_that_of_the_room(sim):
    from mobile_vla_ros.sim import world
    from mobile_vla_ros.sim.scenario import BASE_RADIUS, make_scenario
    scenario = make_scenario(2_000_000)
    sim.reset(scenario)
    ranges = sim.scan()
    x, y, yaw = sim.pose
    scan = Scan(ranges, -math.pi, TURN / len(ranges), 0.0, 8.0)
    cos, sin = math.cos(yaw), math.sin(yaw)
    points = scan.points @ np.array([[cos, sin], [-sin, cos]]) + (x, y)  # in the room
    assert np.isfinite(ranges).all() and ranges.min() > BASE_RADIUS  # closed; not itself
    assert points.min(0) == pytest.approx((world.ROOM[0] + 0.05, 0.05 - world.ROOM[2]), abs=0.01)
    assert points[:, 0].max() == pytest.approx(world.ROOM[1] - 0.05, abs=0.01)
    box = scenario.boxes[0]
    inside = np.abs(points - (box.x, box.y)) - box.half[:2]
    assert (inside > -0.01).any(1).all()  # none within
    assert (inside <= 0.01).all(1).sum() > 3  # several on it
