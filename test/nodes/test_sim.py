"""The sim node over real DDS: it sees, it moves, it stops by itself, it starts anew."""

import time

import numpy as np
import pytest

pytest.importorskip('mujoco', reason='needs the simulator')

from support.ros_harness import assert_within, graph, refusal, SOAK, wait_for  # noqa: E402, I100
from support.simulated import assert_period, drive, FRAME, Listener, SIM, sim  # noqa: E402
from geometry_msgs.msg import Twist  # noqa: E402, I100
from rclpy.qos import DurabilityPolicy, QoSProfile  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image, LaserScan  # noqa: E402, I100
from std_srvs.srv import Trigger  # noqa: E402, I100

from mobile_vla_ros import messages  # noqa: E402, I100


def test_it_shows_what_a_robot_shows():
    with graph() as g:
        listener = Listener(g, (Image, 'image'), (CompressedImage, 'image/compressed'))
        sim(g, width=320, height=240)
        image = listener.wait('image', 20)[-1]
        assert (image.width, image.height, image.encoding) == (320, 240, 'rgb8')
        assert messages.image_to_rgb(image).std() > 5  # something is in view
        jpeg = messages.compressed_to_rgb(listener.wait('image/compressed', 1)[-1])
        assert jpeg.shape == (240, 320, 3)
        info = listener.wait('camera_info', 1)[-1]
        assert (info.width, info.height, info.header.frame_id) == (320, 240, FRAME)
        assert info.k[0] > 0 and info.k[2] == 160
        assert {listener.get(topic)[-1].header.frame_id for topic in (
            'image', 'image/compressed', 'camera_info')} == {FRAME}
        stamps = [messages.to_ns(msg.header.stamp) for msg in listener.get('image')]
        assert_period(stamps, 0.05, g)
        assert abs(stamps[-1] / 1e9 - time.time()) < 5.0
        assert messages.to_ns(listener.wait('/clock', 1)[-1].clock) >= stamps[-1]
        task = listener.wait('outcome', 1)[-1]
        assert task['task']['seed'] == 2_000_000 and task['task']['instruction']


def test_it_tells_those_who_come_late_where_its_sensors_sit():
    tf2_msgs = pytest.importorskip('tf2_msgs.msg', reason='no wheel has it')
    with graph() as g:
        listener, heard = Listener(g), []
        sim(g)
        listener.wait('odom', 5)
        g.node.create_subscription(tf2_msgs.TFMessage, '/tf_static', heard.append, QoSProfile(
            depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
        wait_for(lambda: heard, 5.0, 'static transforms')
        assert {(mount.header.frame_id, mount.child_frame_id) for mount in heard[0].transforms} \
            == {('base_link', FRAME), ('base_link', 'laser_frame')}


def test_it_scans_all_around_for_those_who_listen():
    with graph() as g:
        listener = Listener(g, (LaserScan, 'scan'))
        sim(g, scan_rate=5.0)
        scan = listener.wait('scan', 5)[-1]
        assert len(scan.ranges) == 360 and scan.header.frame_id == 'laser_frame'
        assert scan.angle_max - scan.angle_min == pytest.approx(2 * np.pi * 359 / 360)
        assert scan.angle_max == pytest.approx(scan.angle_min + 359 * scan.angle_increment)
        assert (scan.scan_time, scan.time_increment) == (pytest.approx(0.2), 0.0)  # all at once
        assert 0.0 < scan.range_min < 0.14 < scan.range_max  # less than the base's radius
        assert 0.2 < min(scan.ranges) < 3.0 and max(scan.ranges) < 8.0
        assert messages.to_scan(scan).sees(0.0)
        stamps = [messages.to_ns(msg.header.stamp) for msg in listener.get('scan')]
        assert_period(stamps, 0.2, g)


def test_22_it_drives_and_stops_by_its_own_timeout():
    with graph() as g:
        listener = Listener(g)
        process = sim(g, seed=2_000_003)
        listener.wait('odom', 5)

        def stood_at(last):
            return next((at for at, msg in list(listener.heard['odom'])
                         if at > last and abs(msg.twist.twist.linear.x) < 0.05), None)
        for _ in range(2):
            last = drive(listener, 0.7)
            assert max(msg.twist.twist.linear.x for msg in listener.get('odom')) > 0.2
            stood = wait_for(lambda: stood_at(last), 2.0, 'standing')  # noqa: B023 (called here)
            assert_within(stood - last, 0.5, last)
            assert stood - last > 0.2
        assert listener.get('odom')[-1].pose.pose.position.x > 0.1
        twist = Twist()
        twist.linear.x = float('nan')
        listener.commands.publish(twist)
        wait_for(lambda: 'must be finite' in ''.join(process.lines), 2.0, 'a warning')
        listener.wait('odom', 10)
        assert abs(listener.speed()) < 0.05


def test_22_a_killed_drive_node_leaves_the_base_standing():
    with graph() as g:
        listener = Listener(g)
        g.apart(g.node.destroy_publisher, g.images)
        g.apart(g.node.destroy_publisher, listener.commands)
        sim(g, width=64, height=48)
        listener.wait('odom', 5)
        for _ in range(2 if SOAK == 1 else SOAK):
            node = g.drive('straight', armed=True, instruction='go')
            wait_for(lambda: g.last() == (0.5, 0.0, 0.0), 30.0, 'full speed')
            wait_for(lambda: listener.speed() > 0.4, 5.0, 'a base at speed')
            node.kill()
            last = g.received[-1][0]
            stood = wait_for(lambda: next((
                at for at, msg in list(listener.heard['odom'])
                if at > last and abs(msg.twist.twist.linear.x) < 0.05), None), 2.0, 'standing')
            assert_within(stood - last, 0.5, last)
            assert g.received[-1] == (last, (0.5, 0.0, 0.0))  # it said nothing more
            g.received.clear()
            assert g.call(Trigger, 'sim/reset').success


def test_reset_takes_the_parameters_and_time_goes_on():
    with graph() as g:
        listener = Listener(g)
        sim(g)
        listener.wait('odom', 5)
        drive(listener, 0.6)
        assert listener.get('odom')[-1].pose.pose.position.x > 0.05
        before = messages.to_ns(listener.get('odom')[-1].header.stamp)
        colors = g.set('sim', color='pink').reason
        assert 'has no pink bottle; it has' in colors
        color = colors.split('it has ')[1].split(',')[0]
        refused = g.set('sim', seed=2_000_000, side='over')
        assert not refused.successful and "got 'over'" in refused.reason
        assert "asks for 'pink'" in g.set('sim', instruction='the pink bottle').reason
        assert 'is taken at start' in g.set('sim', width=64).reason
        kept = g.call(Trigger, 'sim/reset')  # of what was refused, nothing is left
        assert kept.success and 'side and colour of the scene, none was named' in kept.message
        assert g.set('sim', color=color, side='left').successful
        answer = g.call(Trigger, 'sim/reset')
        assert answer.success and f'pass left, {color} bottle' in answer.message
        task = wait_for(lambda: [task for task in listener.get('outcome') if task['episode'] == 2],
                        2.0, 'an outcome')[-1]
        assert (task['task']['side'], task['task']['color']) == ('left', color)
        assert not task['outcome']['done']
        assert abs(listener.wait('odom', 3)[-1].pose.pose.position.x) < 0.3
        stamps = [messages.to_ns(msg.header.stamp) for msg in listener.get('odom')]
        assert stamps[-1] > before and (np.diff(stamps) > 0).all()


def test_an_episode_ends_and_is_told_to_late_listeners():
    with graph() as g:
        process = sim(g, real_time_factor=5.0)
        early = Listener(g)
        for episode in range(2):
            ended = wait_for(lambda: [
                o['outcome'] for o in early.get('outcome')
                if o['outcome']['done'] and o['episode'] == episode], 30.0, 'the end')  # noqa: B023
            assert not ended[-1]['success'] and ended[-1]['stopped']  # nobody drove
            early.wait('outcome', 3)  # it goes on telling
            said = [line for line in process.lines if f'episode {episode} ' in line]
            assert len(said) == 1 and 'WARN' in said[0], process.lines
            assert 'failed: never set off; after 6.0 s' in said[0]
            if episode == 0:
                assert Listener(g).wait('outcome', 1)[-1]['outcome']['done']
                assert g.call(Trigger, 'sim/reset').success


def test_a_task_that_is_reached_is_told_once():
    from mobile_vla_ros.sim.expert import Expert
    from mobile_vla_ros.sim.scenario import make_scenario
    with graph() as g:
        process = sim(g, real_time_factor=3.0, width=64, height=48)
        listener, expert = Listener(g), Expert(make_scenario(2_000_000))

        def step():
            pose = listener.get('odom')[-1].pose.pose
            listener.commands.publish(messages.to_twist(expert.act((
                pose.position.x, pose.position.y,
                2.0 * np.arctan2(pose.orientation.z, pose.orientation.w)))))
            time.sleep(0.01)
            return any('episode 0' in line for line in process.lines)
        listener.wait('odom', 5)
        wait_for(step, 20.0, 'the end')
        listener.wait('outcome', 3)
        said, = [line for line in process.lines if 'episode 0' in line]
        assert 'INFO' in said and 'episode 0 reached the ' in said and 'nothing touched' in said


@pytest.mark.parametrize('parameters, words', [
    ({'seed': -1}, 'parameter seed must be a whole number within 0..'),
    ({'color': 'pink'}, 'has no pink bottle; it has'),
    ({'instruction': '"go left to the pink bottle"'}, "asks for 'pink', a colour that is not"),
    ({'instruction': '"왼쪽으로 지나 분홍 병으로 가"'}, "asks for '분홍', a colour that is not"),
    ({'instruction': '"go over the box to the bottle"'}, "says 'over the box', a side that is"),
    ({'side': 'left', 'instruction': '"go right to the red bottle"'}, "side is 'left' but"),
    ({'colour': 'red'}, "unknown parameter 'colour' for node sim: did you mean color"),
    ({'width': 7}, 'parameter width must be a whole number within 16..4096, got 7'),
])
def test_bad_parameters_are_one_line_and_a_status(parameters, words):
    args = [item for name, value in parameters.items() for item in ('-p', f'{name}:={value}')]
    status, lines = refusal(*SIM, *args)
    assert status == 2 and len(lines) == 1 and words in lines[0], lines
