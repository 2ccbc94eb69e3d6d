"""Real launches, where launch_ros and the ros2 command are."""

import json
import os
import signal
import time

import pytest

from support.installed import prefix  # noqa: F401
from support.launches import (domain, ended, gone, launch, launch_ros,  # noqa: F401
                              listener, parameters_of, poll, processes, robot)


def test_the_simulated_robot_drives(launch, listener):
    from geometry_msgs.msg import Twist
    from nav_msgs.msg import Odometry
    twists, poses = [], []
    listener.create_subscription(Twist, 'a/cmd_vel', twists.append, 10)
    listener.create_subscription(Odometry, 'a/odom', poses.append, 10)
    process = launch('drive.launch.py', 'sim:=true', 'namespace:=a')
    poll(lambda: any(twist.linear.x > 0.05 for twist in twists), process)
    poll(lambda: any(pose.pose.pose.position.x - poses[0].pose.pose.position.x > 0.1
                     for pose in poses), process)
    process.send_signal(signal.SIGINT)
    output = ended(process)
    assert twists[-1] == Twist()
    assert 'Traceback' not in output and 'has died' not in output, output


def test_the_simulated_robot_is_recorded(launch, listener, tmp_path):
    from std_srvs.srv import Trigger
    process = launch('record.launch.py', 'sim:=true', f'folder:={tmp_path}',
                     'instruction:=go left')
    for name in ('start', 'keep'):
        client = listener.create_client(Trigger, f'/record/{name}')
        assert client.wait_for_service(30)
        answer = client.call_async(Trigger.Request())
        poll(answer.done, process)
        assert answer.result().success, answer.result().message
        time.sleep(1.0)
    folder, = tmp_path.iterdir()
    assert 'go left' in (folder / 'metadata.yaml').read_text()


def test_a_bag_is_driven_and_reported(launch, listener, tmp_path):
    pytest.importorskip('rosbags')
    from support.bags import write
    from geometry_msgs.msg import TwistStamped
    heard, robot = [], []
    listener.create_subscription(TwistStamped, 'a/replay/cmd_vel', heard.append, 10)
    for topic in ('cmd_vel', 'a/cmd_vel'):
        listener.create_subscription(TwistStamped, topic, robot.append, 10)
    write(tmp_path / 'bag', seconds=4.0, compressed=True)
    report = tmp_path / 'report.json'
    output = ended(launch('replay.launch.py', 'namespace:=a', f'bag:={tmp_path / "bag"}',
                          f'json:={report}', f'html:={tmp_path / "report.html"}'))
    assert report.exists(), output
    online = json.loads(report.read_text())['online']
    assert online['planned'] > 30 and online['largest_difference'] <= 1e-6, output
    assert heard and not robot, "the robot's own topic stays silent"
    assert (tmp_path / 'report.html').exists()
    assert 'has no end' in ended(launch('replay.launch.py', 'bag:=x', 'json:=y', 'loop:=true'))
    assert 'no bag at' in ended(launch('replay.launch.py', 'bag:=nowhere'))


def test_a_robot_starts_disarmed_with_one_publisher_a_topic(launch, listener):
    process = launch('drive.launch.py', 'camera:=false', 'joy:=false', 'twist_mux:=false',
                     'instruction:=1', 'base:=differential', 'stamped:=true', 'rate:=10')
    poll(lambda: listener.get_publishers_info_by_topic('/cmd_vel'), process)
    publisher, = listener.get_publishers_info_by_topic('/cmd_vel')
    assert publisher.topic_type == 'geometry_msgs/msg/TwistStamped'
    armed, use_sim_time, instruction, velocity, rate = parameters_of(
        listener, process, 'drive', 'armed', 'use_sim_time', 'instruction', 'limits.velocity',
        'rate')
    assert (armed.bool_value, use_sim_time.bool_value) == (False, False)
    assert instruction.string_value == '1'
    assert list(velocity.double_array_value) == [0.5, 0.0, 1.0]
    assert rate.double_value == 10.0


@pytest.mark.parametrize('arguments, words', [
    ((), "package 'v4l2_camera' not found"),
    (('camera:=false',), "package 'twist_mux' not found"),
    (('camera:=false', 'twist_mux:=false', 'joy:=true'), 'joy:=true needs twist_mux:=true'),
    (('base:=tricycle',), 'holonomic'),
    (('camera:=no',), 'true'),
])
def test_what_cannot_start_says_why(launch, arguments, words):
    installed = {name for name in ('v4l2_camera', 'twist_mux') if name in words}
    from ament_index_python.packages import get_packages_with_prefixes
    if installed & set(get_packages_with_prefixes()):
        pytest.skip(f'{installed} is installed here')
    assert words in ended(launch('robot.launch.py', *arguments))


def test_a_model_that_ships_drives(launch, listener):
    process = launch('drive.launch.py', 'sim:=true', 'model:=advanced')
    checkpoint, = parameters_of(listener, process, 'drive', 'checkpoint')
    assert checkpoint.string_value.endswith('mobile_vla_ros/checkpoints/advanced.onnx')
    process.send_signal(signal.SIGINT)
    assert 'Traceback' not in ended(process)
    assert 'not both' in ended(launch('drive.launch.py', 'sim:=true', 'model:=hybrid',
                                      'checkpoint:=x.onnx'))
    assert 'final_fixed' in ended(launch('drive.launch.py', 'model:=default'))


REFUSED = {
    'rate:=fast': "rate:= must be a number within 1..200, got 'fast'",
    'seed:=1.5': 'seed:= must be a whole number within 0..2147483647',
    'instructon:=left': 'unknown argument instructon:=; did you mean instruction?',
    'video_devise:=x': 'did you mean video_device?',
    'params_file:=/nowhere.yaml': "there is no parameter file '/nowhere.yaml'",
    'params_file:=RECORD': 'has nothing for node /drive: it is for /record',
    'sim_params_file:=MISSPELT': "unknown parameter 'seeds': did you mean seed?",
    'params_file:=CONTRADICTS': 'limits.deceleration',
    'checkpoint:=nowhere.onnx': "must name a policy file, got 'nowhere.onnx'",
    'namespace:=9': "namespace:= must be a namespace, got '/9'",
    'image_topic:=a b': "image_topic:= must be the name of a topic, got 'a b'",
}
FILES_REFUSED = {
    'RECORD': 'record:\n  ros__parameters:\n    folder: x\n',
    'MISSPELT': '/**:\n  ros__parameters:\n    seeds: 1\n',
    'CONTRADICTS': '/**/drive:\n  ros__parameters:\n    limits.deceleration: [0.1, 2.0, 4.0]\n',
}


def test_34_a_launch_that_refuses_says_why_in_one_line_and_leaves_nothing(launch, tmp_path):
    for name, text in FILES_REFUSED.items():
        (tmp_path / name).write_text(text)
    starts = []
    for argument in REFUSED:
        name, _, value = argument.partition(':=')
        value = str(tmp_path / value) if value in FILES_REFUSED else value
        starts.append(launch('drive.launch.py', 'sim:=true', f'{name}:={value}'))
    for launched, words in zip(starts, REFUSED.values()):
        output = ended(launched)
        gone(launched)
        errors = [line for line in output.splitlines() if 'ERROR' in line]
        assert len(errors) == 1 and words in errors[0], output
        assert launched.returncode == 1 and 'process started' not in output, output


@pytest.mark.parametrize('dies', ['camera', 'joy_node', 'drive', 'record', 'sim'])
def test_34_a_node_that_dies_takes_the_others_with_it(launch, tmp_path, dies):
    file = 'record.launch.py' if dies == 'record' else 'drive.launch.py'
    launched = launch(file, f'sim:={"true" if dies == "sim" else "false"}', f'namespace:={dies}',
                      **robot(tmp_path))
    number = 2 if dies == 'sim' else 5

    def started():
        return [pid for pid, words in processes(launched).items() if '--ros-args' in words]
    poll(lambda: len(started()) == number, launched, 20.0)
    victim, = (pid for pid in started() if f'__node:={dies} ' in processes(launched)[pid])
    os.kill(victim, signal.SIGKILL)
    gone(launched)
    output = ended(launched)
    ours = dies if dies in ('camera', 'joy_node') else f'the {dies} node'
    assert f'{ours} was killed by signal 9: everything else ends too' in output, output
    assert launched.returncode == 1


@pytest.mark.parametrize('given, full', [('front/raw', '/front/raw'), ('/raw', '/raw')])
def test_an_image_takes_its_transports_along(launch, listener, tmp_path, given, full):
    launched = launch('drive.launch.py', f'image_topic:={given}', 'image_transport:=compressed',
                      **robot(tmp_path))
    poll(lambda: listener.count_publishers(f'{full}/compressed') == 1
         and listener.count_subscribers(f'{full}/compressed') == 1, launched)
    assert listener.count_publishers(full) == 1
    assert listener.count_publishers(full.rpartition('/')[0] + '/camera_info') == 1


@pytest.mark.parametrize('text', ['20261128', '1e3', 'a\\b [a,  b]: # 😀 \u200d'])
def test_text_arrives_as_text(launch, listener, text):
    launched = launch('simulation.launch.py', f'instruction:={text}')
    instruction, = parameters_of(listener, launched, 'sim', 'instruction')
    assert instruction.string_value == text


def test_the_simulators_file_says_the_task_unless_the_launch_does(launch, listener, tmp_path):
    (tmp_path / 'sim.yaml').write_text('sim:\n  ros__parameters:\n    seed: 2000007\n')
    launched = launch('drive.launch.py', 'sim:=true', f'sim_params_file:={tmp_path / "sim.yaml"}')
    seed, = parameters_of(listener, launched, 'sim', 'seed')
    assert seed.integer_value == 2000007
