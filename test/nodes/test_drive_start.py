"""How the drive node starts, is configured, and refuses; every refusal is one line."""

import math
import re
import time

from geometry_msgs.msg import Twist, TwistStamped
import pytest
from rcl_interfaces.srv import GetParameters, SetParameters, SetParametersAtomically
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool, Trigger

from mobile_vla_ros import messages
from mobile_vla_ros.contract import STOP
from mobile_vla_ros.nodes.drive_settings import SETTINGS

from support.ros_harness import graph, refusal, ROOT, stalled, wait_for

CONFIGURE, CLEANUP, ACTIVATE, DEACTIVATE = 1, 2, 3, 4


def refused(*args, status=2):
    """Start the node with what it refuses; return the line that it says."""
    ended, lines = refusal(ROOT / 'test' / 'support' / 'faulty.py', 'good', *args)
    assert ended == status and len(lines) == 1, lines
    assert 'Traceback' not in lines[0]
    return lines[0]


@pytest.mark.parametrize('args, words, status', [
    (['-p', 'rate:=0'], 'parameter rate must be a number within 1..200, got 0', 2),
    (['-p', 'rate:=fast'], "parameter rate must be a number within 1..200, got 'fast'", 2),
    (['-p', 'backend:=tpu'], "parameter backend must be one of auto, torch, onnxruntime, openvino,"
     " got 'tpu'", 2),
    (['-p', 'image_timeot:=1'], "unknown parameter 'image_timeot' for node drive: did "
     'you mean image_timeout', 2),
    (['-p', 'drives:rate:=5'], 'is for a node drives, not for /drive', 2),
    (['-p', 'limits.velocity:=[0.5,0.5]'], 'limits.velocity must be a list of 3 numbers', 2),
    (['-p', 'limits.deceleration:=[0.5,2.0,4.0]'], 'limits.deceleration of linear_x must be >= ',
     2),
    (['-p', 'armed:=1'], 'parameter armed must be true or false, got 1', 2),
    (['-p', 'rate:='], '', 2),
    (['--params-file', 'missing.yaml'], '', 2),
    (['-p', 'checkpoint:=missing.onnx'], 'no policy: missing.onnx does not exist', 1),
])
def test_bad_input_is_one_line_and_a_status(args, words, status):
    assert words in refused('--ros-args', *args, status=status)


def test_arguments_that_are_not_for_ros_are_refused():
    assert refused('--rate', '20') == (
        "error: unknown arguments ['--rate', '20']; parameters go behind "
        '--ros-args -p NAME:=VALUE\n')


def test_it_starts_disarmed_and_without_instruction():
    with graph() as g:
        g.drive()
        g.stream()
        wait_for(lambda: len(g.received) > 20, 20.0, 'zeros')
        wait_for(lambda: 'disarmed; call ~/arm' in g.diagnostics['drive: control'].message, 2.0,
                 'the reason')
        assert g.call(SetBool, 'drive/arm', data=True).success
        wait_for(lambda: 'no instruction; publish' in g.diagnostics['drive: control'].message, 2.0,
                 'the reason')
        assert all(command == STOP for _, command in g.received)
        g.say('go left')
        wait_for(g.moving, 2.0, 'moving')
        values = {v.key: v.value for v in g.diagnostics['drive: policy'].values}
        assert len(values['checkpoint sha256']) == 64 and values['backend'] == 'faulty'


def test_without_autostart_it_waits_for_a_manager_and_takes_another_checkpoint():
    with graph() as g:
        g.drive(autostart=False, armed=True, instruction='go', checkpoint='missing.onnx')
        g.stream()
        assert not g.change(CONFIGURE, 20.0)
        assert g.set('drive', checkpoint='first').successful
        assert g.change(CONFIGURE)
        answer = g.call(SetBool, 'drive/arm', data=True)
        assert not answer.success and 'not active' in answer.message
        assert g.received == []
        assert g.change(ACTIVATE)
        wait_for(g.moving, 3.0, 'moving')

        def sha():
            return {v.key: v.value for v in g.diagnostics['drive: policy'].values}.get(
                'checkpoint sha256')
        first = wait_for(lambda: 'drive: policy' in g.diagnostics and sha(), 3.0, 'a sha256')
        at = time.monotonic()
        assert g.change(DEACTIVATE) and g.change(CLEANUP)
        assert g.set('drive', checkpoint='second', rate=10.0).successful
        assert g.change(CONFIGURE) and g.change(ACTIVATE)
        wait_for(lambda: g.moving(at + 0.3), 3.0, 'moving again')
        wait_for(lambda: sha() not in (None, first), 3.0, 'another sha256')
        start = time.monotonic()
        wait_for(lambda: time.monotonic() > start + 1.0, 2.0, 'a second')
        count = len([t for t, _ in g.received if start <= t <= start + 1.0])
        assert 8 - 10 * stalled(start) <= count <= 12


def test_a_latched_stop_outlives_a_deactivation():
    with graph() as g:
        g.drives()
        assert g.call(Trigger, 'drive/stop').success
        assert g.change(DEACTIVATE) and g.change(ACTIVATE)
        at = time.monotonic()
        wait_for(lambda: g.zero(at + 0.5), 3.0, 'zeros')
        assert g.moving(at) is None
        assert not g.call(SetBool, 'drive/arm', data=True).success


def test_neither_arming_nor_instruction_outlives_a_deactivation():
    with graph() as g:
        g.drive()
        g.stream()
        assert g.call(SetBool, 'drive/arm', 20.0, data=True).success
        g.say('go')
        wait_for(g.moving, 3.0, 'moving')
        assert g.change(DEACTIVATE) and g.change(ACTIVATE)
        wait_for(lambda: g.zero(), 3.0, 'zeros')
        for words in ('disarmed', 'no instruction'):
            wait_for(lambda: words in g.diagnostics['drive: control'].message, 3.0, words)
            since = time.monotonic()
            assert g.call(SetBool, 'drive/arm', data=True).success
        assert g.moving(since) is None


def test_6_and_20_what_is_refused_at_run_time_changes_nothing(trial):
    with graph() as g:
        g.drives()
        at = time.monotonic()
        for values, words in [
                ({'image_timeout': 9.0}, 'image_timeout'),
                ({'image_timeout': 'x'}, "within 0.05..5, got 'x'"),
                ({'limits__velocity': [0.1, 0.1]}, 'a list of 3 numbers within 0..100, got [0.1,'),
                ({'limits__acceleration': [9.0, 1.0, 2.0]}, 'deceleration of linear_x must be >='),
                ({'rate': 10.0}, 'rate is taken at configure'),
                ({'checkpoint': 'missing.onnx'}, 'missing.onnx does not exist'),
                ({'limits__velocity': [0.1, 0.1, 0.1], 'backend': 'tpu'}, "got 'tpu'")]:
            result = g.set('drive', **values)
            assert not result.successful and words in result.reason
        wait_for(lambda: time.monotonic() > at + 0.5, 3.0, 'half a second')
        assert g.last()[0] > 0.3  # neither slowed down by half of a set, nor without a policy
        assert g.set('drive', limits__velocity=[0.1, 0.1, 0.1]).successful
        slow = time.monotonic()
        wait_for(lambda: g.last()[0] == pytest.approx(0.1) or g.last()[0] < 0.1, 3.0, 'slower')
        assert all(command[0] <= 0.1 + 1e-9 for t, command in g.received if t > slow + 0.1)
        assert g.set('drive', checkpoint='second').successful
        wait_for(lambda: g.last() == STOP, 3.0, 'a stop')
        assert g.call(SetBool, 'drive/arm', data=True).success
        wait_for(lambda: g.last() != STOP, 2.0, 'moving by the other policy')


WRONG = [None, True, 7, -10**9, 10**9, math.nan, math.inf, -math.inf, 1e9, '', 'soon', '\x1b[31m',
         [True], [0.1, 0.1], [0.1, 0.1, math.nan], [0.1, 0.1, 1e9], [-1, 0, 0], ['0.1'] * 3]


def wrong_for(setting, value):
    """Tell whether a parameter may not have a value."""
    try:
        setting.check(value)
    except ValueError:
        return True
    return False


def test_20_every_wrong_value_is_refused_by_name_and_changes_nothing(trial):
    wrong = [Parameter(setting.name, value=value).to_parameter_msg()
             for setting in SETTINGS for value in WRONG if wrong_for(setting, value)]
    good = Parameter('limits.velocity', value=[0.1, 0.1, 0.1]).to_parameter_msg()
    unknown = Parameter('image_timeot', value=0.2).to_parameter_msg()
    with graph() as g:
        process = g.drives()

        def values():
            return g.call(GetParameters, 'drive/get_parameters', names=[
                setting.name for setting in SETTINGS]).values
        before, at = values(), time.monotonic()
        results = g.call(SetParameters, 'drive/set_parameters', parameters=wrong).results
        assert len(results) == len(wrong) > 300
        for parameter, result in zip(wrong, results):
            assert not result.successful, parameter
            assert re.search(f'{parameter.name} (must be .* got|out of range.* value:) ',
                             result.reason), result.reason
        for parameter in [*wrong[::10], unknown]:  # a good one beside it is not taken either
            result = g.call(SetParametersAtomically, 'drive/set_parameters_atomically',
                            parameters=[good, parameter]).result
            assert not result.successful and result.reason, parameter
        assert len(before) == len(SETTINGS) and values() == before
        wait_for(lambda: time.monotonic() > at + 0.5, 3.0, 'half a second')
        assert g.zero(at) is None or stalled(at)
        assert g.last()[0] > 0.3 and process.child.poll() is None


@pytest.mark.parametrize('text, words', [
    ('rate: .nan', 'parameter rate must be a number within 1..200, got nan'),
    ('image_timeout: .inf', 'parameter image_timeout must be a number within 0.05..5, got inf'),
    ('threads: 65', 'parameter threads must be a whole number within 0..64, got 65'),
    ('frame_id: 3', 'parameter frame_id must be text, got 3'),
    ('limits: {velocity: [0.5, .nan, 1.0]}', 'limits.velocity must be a list of 3 numbers'),
    ('limits: {velocity: {x: 0.5}}', "unknown parameter 'limits.velocity.x' for node drive"),
    ('armed: [true', ''),
    ('rate: [1, fast]', '')])
def test_20_a_wrong_value_in_a_file_is_one_line_and_a_status(text, words, tmp_path):
    file = tmp_path / 'drive.yaml'
    file.write_text(f'/**:\n  ros__parameters:\n    {text}\n')
    said = refused('--ros-args', '--params-file', file)
    assert said.startswith('error: ') and words in said


def test_stamped_compressed_and_annotated():
    with graph(stamped=True) as g:
        pictures = []
        g.node.create_subscription(Image, 'image_annotated', pictures.append, 10)
        stamps = []
        g.node.create_subscription(TwistStamped, 'cmd_vel', lambda msg: stamps.append(msg.header),
                                   10)
        g.drive(stamped=True, image_transport='compressed', annotate=True, armed=True,
                instruction='go')
        g.rgb[:] = 128

        def shoot():
            g.jpegs.publish(messages.to_compressed(g.rgb, time.time_ns(), 'camera'))
            time.sleep(0.05)
            return g.moving() and pictures
        wait_for(shoot, 20.0, 'a moving base and a picture')
        assert messages.image_to_rgb(pictures[-1]).shape == g.rgb.shape
        assert stamps[-1].frame_id == 'base_link'
        assert abs(messages.to_ns(stamps[-1].stamp) / 1e9 - time.time()) < 1.0


def test_names_are_relative_and_remappable():
    with graph() as g:
        heard = []
        g.node.create_subscription(Twist, '/robot/base/cmd', heard.append, 10)
        camera = g.node.create_publisher(Image, '/front/image_raw', 1)
        g.start(ROOT / 'test' / 'support' / 'faulty.py', 'good', '--ros-args', '-r',
                '__ns:=/robot', '-r', 'image:=/front/image_raw', '-r', 'cmd_vel:=base/cmd',
                '-p', 'armed:=true', '-p', 'instruction:=go')

        def shoot():
            camera.publish(messages.to_image(g.rgb, time.time_ns(), 'camera'))
            time.sleep(0.05)
            return any(msg != Twist() for msg in heard)
        wait_for(shoot, 20.0, 'a command in the namespace')
        assert g.call(Trigger, '/robot/drive/stop').success
        wait_for(lambda: 'robot/drive: control' in g.diagnostics, 3.0, 'diagnostics')
