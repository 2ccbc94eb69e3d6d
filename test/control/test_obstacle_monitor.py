"""How fast a scan lets the guard drive, in tables and in the simulator."""

from dataclasses import replace
import math

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from mobile_vla_ros.contract import Command, NS, Plan, STOP
from mobile_vla_ros.control.guard import Guard, GuardConfig
from mobile_vla_ros.control.limits import Limits
from mobile_vla_ros.control.obstacle import ObstacleConfig, ObstacleMonitor, Scan, Zone
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.control.stopping import Stopping

from support.scans import at, scan_of, TURN

MS = 1_000_000
velocity = st.floats(-1.0, 1.0)
ZONE = Zone(radius=0.3, margin=0.05)


def test_a_new_monitor_is_blind_and_has_refused_nothing():
    monitor = ObstacleMonitor(ObstacleConfig(ZONE), Stopping())
    assert (monitor.way_m, monitor.unseen, monitor.alive(0)) == (math.inf, False, False)
    assert monitor.safe_speed(Command(0.5), 0) == 0.0 and monitor.unseen
    assert monitor.verdict() == (Reason.UNSEEN, '')


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=50),
       st.floats(-3.2, 3.2), st.floats(1e-3, 0.1), velocity, velocity, velocity)
@settings(max_examples=200, deadline=None)
def test_whatever_is_measured_the_speed_is_a_number(ranges, angle_min, step, vx, vy, wz):
    monitor = ObstacleMonitor(ObstacleConfig(ZONE), Stopping())
    monitor.accept_scan(Scan(ranges, angle_min, step, 0.1, 8.0), 0)
    assert monitor.safe_speed(Command(vx, vy, wz), 1) >= 0.0


def test_older_scans_allow_less():
    monitor = ObstacleMonitor(ObstacleConfig(ZONE), Stopping(reaction=0.2))
    monitor.accept_scan(at([(1.0, 0.0)]), NS)
    speeds = [monitor.safe_speed(Command(0.5), NS + age * MS) for age in (0, 100, 200, 400)]
    assert speeds == sorted(speeds, reverse=True) and len(set(speeds)) == 4
    for speed, age in zip(speeds, (0.0, 0.1, 0.2, 0.4)):
        assert speed * (age + 0.2) + speed**2 / 2 == pytest.approx(0.65)


def driving(value=(0.5, 0.0, 0.0), timeout_ns=500 * MS):
    """Return a guard that drives straight on at full speed, at 600 ms, and the time."""
    guard = Guard(GuardConfig(obstacles=ObstacleConfig(ZONE, timeout_ns)))
    guard.arming.arm()
    guard.accept_instruction('go', 0)
    plan = Plan(np.array([value], np.float32), 0, NS)
    for now in range(0, 601 * MS, 20 * MS):
        guard.accept_frame(now + 1, now)
        guard.accept_plan(plan, 'go', now + 1, now)
        guard.obstacles.accept_scan(scan_of(), now)
        decision = guard.tick(now)
    assert decision == (Command(0.5), Reason.DRIVING) and not guard.slowed
    return guard, 600 * MS


def keep(guard, now):
    """Go on showing frames."""
    guard.accept_frame(now + 1, now)
    guard.accept_plan(Plan(np.array([(0.5, 0.0, 0.0)], np.float32), 0, NS), 'go', now + 1, now)


def test_it_slows_stops_and_lets_go():
    guard, now = driving()
    monitor = guard.obstacles
    monitor.accept_scan(at([(0.45, 0.0)]), now)
    command, reason = guard.tick(now)
    assert reason is Reason.DRIVING and 0.02 < command.linear_x < 0.45
    assert guard.slowed == f'slowed to {command.linear_x:.2f} m/s, something is 0.10 m ahead'
    monitor.accept_scan(at([(0.352, 0.0)]), now)
    assert guard.tick(now) == (STOP, Reason.OBSTACLE)
    for now in range(600 * MS, 1200 * MS, 20 * MS):
        keep(guard, now)
        monitor.accept_scan(scan_of(), now)
        decision = guard.tick(now)
    assert decision == (Command(0.5), Reason.DRIVING) and guard.slowed == ''


def test_an_obstacle_scales_the_whole_command_so_that_the_path_stays():
    guard, _ = driving()
    monitor = guard.obstacles
    plan = Plan(np.array([(0.5, 0.1, 0.2)], np.float32), 0, NS)
    for now in range(600 * MS, 1600 * MS, 50 * MS):
        guard.accept_frame(now + 1, now)
        guard.accept_plan(plan, 'go', now + 1, now)
        monitor.accept_scan(at([(0.5, 0.1)]), now)
        command = guard.tick(now).command
    assert 0.0 < command.speed < 0.41
    assert np.array(command) / command.linear_x == pytest.approx([1.0, 0.2, 0.4], rel=1e-3)


def test_without_scans_it_stops_and_three_resume():
    guard, now = driving(timeout_ns=200 * MS)
    monitor = guard.obstacles
    last = monitor.watchdog.fed_ns
    assert guard.deadline_ns() == last + 200 * MS + 1
    for now in (last + 100 * MS, last + 200 * MS):
        keep(guard, now)
        assert guard.tick(now).reason is Reason.DRIVING
    keep(guard, now)
    assert guard.tick(last + 200 * MS + 1) == (STOP, Reason.NO_SCAN)
    seen = []
    for now in (last + 250 * MS, last + 300 * MS, last + 350 * MS):
        keep(guard, now)
        monitor.accept_scan(scan_of(), now)
        seen.append(guard.tick(now).reason)
    assert seen == [Reason.NO_SCAN, Reason.NO_SCAN, Reason.DRIVING]


def test_frames_that_are_too_old_are_the_reason_where_the_way_is_free():
    guard = Guard(GuardConfig(stopping=Stopping(0.01, 0.1, 1.0), obstacles=ObstacleConfig(ZONE)))
    guard.arming.arm()
    guard.accept_instruction('go', 0)
    for now in (0, 50 * MS, 100 * MS):
        keep(guard, now)
        guard.obstacles.accept_scan(scan_of(), now)
    assert guard.tick(100 * MS) == (STOP, Reason.LATE)


def test_it_does_not_go_where_the_scan_does_not_look():
    guard, now = driving()
    monitor = guard.obstacles
    monitor.accept_scan(
        Scan([math.inf] * 90, -math.pi / 4 + math.pi, math.pi / 180, 0.1, 8.0), now)
    assert guard.tick(now) == (STOP, Reason.UNSEEN) and monitor.way_m == 0.0


@pytest.mark.parametrize('way, seen', [(Command(0.0, 0.5), True), (Command(0.0, -0.5), False)])
def test_a_scanner_that_looks_aside_lets_it_go_aside_only(way, seen):
    monitor = ObstacleMonitor(ObstacleConfig(Zone(0.3, 0.05, (0.0, 0.0, math.pi / 2))),
                              Stopping())
    monitor.accept_scan(Scan([math.inf] * 90, -math.pi / 4, math.pi / 180, 0.1, 8.0), 0)
    assert (monitor.safe_speed(way, 0) > 0.0, monitor.unseen) == (seen, not seen)


def test_other_settings_are_taken_while_it_drives():
    guard, now = driving()
    monitor = guard.obstacles
    monitor.accept_scan(at([(0.6, 0.0)]), now)
    config = GuardConfig(Limits(), 100 * MS, NS, 3, Stopping(deceleration=2.0),
                         ObstacleConfig(Zone(0.5, 0.2), 300 * MS))
    guard.configure(config)
    assert (monitor.zone, monitor.stopping) == (config.obstacles.zone, config.stopping)
    assert monitor.watchdog.timeout_ns == 300 * MS
    assert guard.watchdog.timeout_ns == 100 * MS
    assert guard.config == replace(config, max_failures=10), 'which is taken at activate'
    assert guard.tick(now) == (STOP, Reason.OBSTACLE)
    guard.configure(GuardConfig())
    assert guard.obstacles is monitor, 'which is taken at configure'


def run_into(sim, seed, box, obstacles):
    """Let a policy drive at a box of a scene for 12 s; return (things touched, last reason)."""
    from mobile_vla_ros.sim.scenario import make_scenario
    scenario = make_scenario(seed)
    sim.reset(scenario)
    guard = Guard(GuardConfig(Limits((0.5, 0.5, 1.0), (1.5, 1.5, 2.0), (2.0, 2.0, 4.0)),
                              obstacles=obstacles))
    guard.arming.arm()
    guard.accept_instruction('go', 0)
    target = scenario.boxes[box % len(scenario.boxes)]
    reason = None
    for i in range(240):
        now = i * 50 * MS
        x, y, yaw = sim.pose
        dx, dy = target.x - x, target.y - y
        ahead = np.array([math.cos(yaw) * dx + math.sin(yaw) * dy,
                          -math.sin(yaw) * dx + math.cos(yaw) * dy])
        plan = Plan(np.array([[*(0.5 * ahead / np.linalg.norm(ahead)), 0.1]]), now, NS)
        guard.accept_frame(now + 1, now)
        guard.accept_plan(plan, 'go', now + 1, now)
        if obstacles and i % 2 == 0:  # 10 Hz, and one tick late
            guard.obstacles.accept_scan(Scan(sim.scan(), -math.pi, TURN / 360, 0.0, 8.0), now)
        command, reason = guard.tick(now)
        sim.step(command, 0.05)
    return sim.outcome().contacts, reason


@pytest.mark.parametrize('seed', range(2_000_000, 2_000_008))
def test_a_policy_that_drives_at_the_boxes_never_touches_them(sim, seed):
    assert run_into(sim, seed, seed, None)[0] > 0  # without a scanner it does
    contacts, reason = run_into(sim, seed, seed, ObstacleConfig(Zone(0.14, 0.05)))
    assert (contacts, reason) == (0, Reason.OBSTACLE)
