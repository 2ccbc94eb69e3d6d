"""Commands against odometry: how late the base follows, and whether it goes the right way."""


import numpy as np
import pytest

pytest.importorskip('rosbags')
from support.bags import BagWriter, header, image, STORE, text, twist  # noqa: E402
from rosbags.highlevel import AnyReader  # noqa: E402, I100

from mobile_vla_ros.cli import dataset as verb  # noqa: E402
from mobile_vla_ros.contract import AXES, Command, NS  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.data.base_response import held, measure  # noqa: E402
from mobile_vla_ros.data.checkup import examine  # noqa: E402
from mobile_vla_ros.data.doctor import verdicts  # noqa: E402
from support.paths import DATA  # noqa: E402

STEP_S = 0.05


def drive(delay_s=0.0, seconds=20.0, seed=0):
    """Drive the simulated base by random commands that reach it late; return both, (n, 4)."""
    pytest.importorskip('mujoco')
    from mobile_vla_ros.sim.scenario import make_scenario
    from mobile_vla_ros.sim.simulator import Simulator
    rng = np.random.default_rng(seed)
    count = round(seconds / STEP_S)
    # A new command every half second, turned about so that the base stays where it is.
    told = np.repeat(rng.uniform(-0.2, 0.2, (count // 20, 3)), 10, axis=0)
    told = np.stack([told.reshape(-1, 10, 3), -told.reshape(-1, 10, 3)], 1).reshape(-1, 3)
    sim, done = Simulator(32, 24), []
    sim.reset(make_scenario(2_000_000))
    late = round(delay_s / STEP_S)
    for i in range(count):
        sim.step(Command(*told[i - late]) if i >= late else Command(), STEP_S)
        done.append(sim.velocity)
    sim.close()
    at = (1_700_000_000 + np.arange(count) * STEP_S)[:, None] * NS
    return np.hstack([at, told]), np.hstack([at + STEP_S * NS, done])


def write_bag(path, commands, odometry):
    """Record a grey picture ten times a second beside them."""
    kinds, zero = STORE.types, np.zeros(36)
    pose = kinds['geometry_msgs/msg/PoseWithCovariance'](
        pose=kinds['geometry_msgs/msg/Pose'](
            position=kinds['geometry_msgs/msg/Point'](0.0, 0.0, 0.0),
            orientation=kinds['geometry_msgs/msg/Quaternion'](0.0, 0.0, 0.0, 1.0)),
        covariance=zero)
    with BagWriter(path) as bag:
        bag.put('/instruction', int(commands[0, 0]), text('go left to the red bottle'))
        for i, row in enumerate(commands):
            ns = int(row[0])
            if i % 2 == 0:
                bag.put('/image', ns, image(np.full((24, 32, 3), 60 + i % 99, np.uint8), ns))
            bag.put('/cmd_vel', ns + 1, twist(row[1:]))
        for row in odometry:
            for name, moved in (('/odom', row[1:]), ('/fused/odometry', np.zeros(3))):
                bag.put(name, int(row[0]), kinds['nav_msgs/msg/Odometry'](
                    header=header(int(row[0]), 'odom'), child_frame_id='base_link', pose=pose,
                    twist=kinds['geometry_msgs/msg/TwistWithCovariance'](
                        twist=twist(moved), covariance=zero)))


def test_the_delay_is_that_of_the_base_and_what_was_added():
    prompt = measure(*drive())
    assert list(prompt) == list(AXES)
    for axis in AXES:
        assert 0.0 <= prompt[axis].delay_s < 0.3 and prompt[axis].correlation > 0.8
    for delay_s in (0.2, 0.5, 1.0):
        late = measure(*drive(delay_s))
        for axis in AXES:
            assert late[axis].delay_s - prompt[axis].delay_s == pytest.approx(delay_s, abs=0.03)


@pytest.mark.parametrize('flipped', range(3))
@pytest.mark.parametrize('delay_s', [0.0, 0.5])
def test_a_flipped_axis_is_told_from_a_late_one(flipped, delay_s):
    commands, odometry = drive(delay_s)
    odometry[:, 1 + flipped] *= -1
    found = measure(commands, odometry)
    assert [answer.correlation < 0 for answer in found.values()] == [
        i == flipped for i in range(3)]


def test_the_delay_is_exact_and_swinging_to_and_fro_is_not_backwards():
    at = np.arange(400)[:, None] * STEP_S * NS
    swing = np.hstack([at, 0.2 * np.sin(2 * np.pi * np.arange(400)[:, None] / 20 * [1, 1, 1])])
    told = np.hstack([at, np.repeat(np.random.default_rng(3).normal(0, 0.2, (40, 3)), 10, 0)])
    for rows in (swing, told):
        found = measure(rows, rows + [0.4 * NS, 0, 0, 0])
        for axis in AXES:
            assert found[axis].correlation > 0.95
            assert found[axis].delay_s == pytest.approx(0.4, abs=0.03)


def test_nothing_is_said_where_nothing_is_known():
    commands, odometry = drive()
    rng = np.random.default_rng(1)
    assert measure(commands, odometry[:0]) == {} == measure(commands[:1], odometry)
    assert measure(commands[:80], odometry) == {}, 'four seconds'
    unrelated = odometry.copy()
    unrelated[:, 1:] = rng.normal(0, 0.2, (len(odometry), 3))
    assert measure(commands, unrelated) == {}
    still = commands.copy()
    still[:, 2] = 0.0
    odometry[7, 1] = np.nan
    assert list(measure(still, odometry)) == ['linear_x', 'angular_z']


@pytest.mark.parametrize('delay_s, flip, wanted', [
    (0.0, None, None),
    (0.5, None, ('warn', 'follows a command up to 0.', 'stopping.reaction')),
    (0.0, 1, ('bad', 'the other way than the command in linear_y: a', 'turn the sign')),
    (0.0, 2, ('bad', 'the other way than the command in angular_z: a', 'turn the sign'))])
def test_the_doctor_says_it_with_a_remedy(tmp_path, capsys, delay_s, flip, wanted):
    commands, odometry = drive(delay_s)
    if flip:
        odometry[:, 1 + flip] *= -1
    write_bag(tmp_path / 'a', commands, odometry)
    with Bag(tmp_path / 'a') as bag:
        assert bag.topics['odometry'] == '/odom'
        assert {event.kind for event in bag.events()} == {'image', 'command', 'instruction'}
        found = examine(bag)
    told = [row for row in verdicts([found])
            if 'recordings' not in row[1] and 'repeated' not in row[1]]
    if wanted is None:
        assert told == []
    else:
        (level, what, remedy, *_), = told
        assert level == wanted[0] and wanted[1] in what and wanted[2] in remedy
    page = tmp_path / 'page.html'
    assert verb.main(['doctor', str(tmp_path / 'a'), '--html', str(page)]) == int(flip is not None)
    assert f'<td>{1000 * found.delay_s:.0f}</td>' in page.read_text()
    capsys.readouterr()
    assert verb.main(['doctor', str(tmp_path / 'a'), '--odometry-topic', '/fused/odometry']) == 0
    said = capsys.readouterr().out
    assert 'few recordings' in said and 'way' not in said and 'late' not in said


@pytest.mark.skipif(not DATA.exists(), reason='the recordings of others are not here')
@pytest.mark.parametrize('name, axes', [
    ('drive_square', {'linear_x', 'angular_z'}), ('test-bag', {'linear_x', 'angular_z'}),
    ('finite-state-controller', {'linear_x', 'angular_z'}), ('obstacle-avoider', {'angular_z'}),
    ('person_follower', {'angular_z'})])
def test_a_real_base_follows_its_commands(name, axes):
    rows = {'/cmd_vel': [], '/odom': []}
    with AnyReader([DATA / 'neato_rosbag2' / name], default_typestore=STORE) as reader:
        topics = [c for c in reader.connections if c.topic in rows]
        for connection, ns, raw in reader.messages(topics):
            msg = reader.deserialize(raw, connection.msgtype)
            twist = msg if connection.topic == '/cmd_vel' else msg.twist.twist
            rows[connection.topic].append((ns, twist.linear.x, twist.linear.y, twist.angular.z))
    found = measure(np.array(rows['/cmd_vel'], float), np.array(rows['/odom'], float))
    assert set(found) == axes
    for answer in found.values():
        assert answer.correlation > 0.8 and 0.4 < answer.delay_s < 0.6


def steady(told, done, seconds=12.0, noise=0.0, seed=0):
    """Return commands at 20 Hz and odometry at 50 Hz of (n,) -> velocities (n, 3)."""
    rng = np.random.default_rng(seed)
    rows = []
    for hz, velocities in ((20, told), (50, done)):
        at = np.arange(0.0, seconds, 1 / hz)
        values = velocities(at)
        values = values + rng.normal(0, noise, values.shape) * (hz == 50)
        rows.append(np.hstack([(1_700_000_000 + at)[:, None] * NS, values]))
    return rows


def pushes(at):
    """Push forwards ever harder, and turn."""
    return np.stack([0.15 + 0.02 * at, 0 * at, 0.4 * np.sin(at / 2)], 1)


def blocked(at):
    return 0 * pushes(at)


def blocked_later(at):
    return pushes(at) * (at < 5.0)[:, None]


@pytest.mark.parametrize('noise', [0.0, 0.03])
@pytest.mark.parametrize('done, axes_held, axes_backwards', [
    (blocked, {'linear_x', 'angular_z'}, set()),
    (blocked_later, {'linear_x', 'angular_z'}, set()),
    (lambda at: 0.3 * pushes(at), set(), set()),
    (lambda at: pushes(at - 0.3), set(), set()),
    (lambda at: -pushes(at), None, {'linear_x', 'angular_z'}),
    (lambda at: -0.4 * pushes(at), None, {'linear_x', 'angular_z'}),
    (lambda at: pushes(at) * [0, 1, 1], {'linear_x'}, set()),
    (lambda at: -0.1 * pushes(at), {'linear_x', 'angular_z'}, set())],
    ids=['blocked', 'blocked later', 'slow', 'late', 'reversed', 'slow and reversed',
         'turns only', 'springs back'])
def test_a_base_that_is_held_is_told_from_one_that_goes_backwards(
        done, axes_held, axes_backwards, noise):
    for seed in range(5):
        rows = steady(pushes, done, noise=noise, seed=seed)
        against = {axis for axis, answer in measure(*rows).items() if answer.correlation < 0}
        assert against == axes_backwards
        if axes_held is not None:
            assert set(held(*rows)) == axes_held


def test_a_base_that_only_turns_and_one_without_commands_are_not_held():
    def turns(at):
        return np.stack([0 * at, 0 * at, 0.5 + 0 * at], 1)
    rows = steady(turns, turns, noise=0.02)
    assert held(*rows) == {} == measure(*rows)
    still = steady(turns, blocked, noise=0.02)
    assert 9.0 < held(*still)['angular_z'] <= 12.5
    silent = [still[0][::40], still[1]]  # a command every two seconds: it stops by itself
    assert held(*silent) == {} and held(still[0][:1], still[1]) == {}


def test_the_doctor_says_that_a_base_is_held(tmp_path, capsys):
    write_bag(tmp_path / 'a', *steady(pushes, blocked_later))
    verb.main(['doctor', str(tmp_path / 'a')])
    said = capsys.readouterr().out
    assert 'told to move in linear_x, the base hardly does: a (' in said and 'free it' in said
    assert 'the other way' not in said
