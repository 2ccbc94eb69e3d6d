"""A recorded bag played over DDS, and driven live: the same as replayed offline."""

import json
import time

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')
from support.bags import ODD_TOLD, START, TEXT, write, write_odd  # noqa: E402
from support.ros_harness import graph, stalled, wait_for  # noqa: E402

from geometry_msgs.msg import TwistStamped  # noqa: E402, I100
from rcl_interfaces.srv import GetParameters  # noqa: E402
from rclpy.qos import DurabilityPolicy, QoSProfile  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from std_msgs.msg import String  # noqa: E402
from std_srvs.srv import SetBool  # noqa: E402

from mobile_vla_ros.contract import NS  # noqa: E402
from mobile_vla_ros.images.decode import compressed_to_rgb, image_to_rgb  # noqa: E402
from mobile_vla_ros.messages import to_command, to_ns  # noqa: E402

OTHER = 'pass the box on the right, then stop at the blue bottle'


@pytest.fixture
def g():
    with graph() as opened:
        yield opened


class Played:
    """A play node and what it publishes."""

    def __init__(self, g, bag, kind=Image, **parameters):
        self.frames, self.commands, self.texts, self.states = [], [], [], []
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        topic = 'image' if kind is Image else 'image/compressed'
        for what, name, qos, rows in (
                (kind, topic, 50, self.frames), (String, 'instruction', 10, self.texts),
                (TwistStamped, 'recorded_cmd_vel', 50, self.commands),
                (String, 'play/status', latched, self.states)):
            g.node.create_subscription(
                what, name, lambda msg, rows=rows: rows.append((time.monotonic(), msg)), qos)
        args = [item for name, value in {'bag': bag, 'wait': 20.0, **parameters}.items()
                for item in ('-p', f'{name}:={value}')]
        self.process = g.start('-m', 'mobile_vla_ros', 'play', '--ros-args', *args)

    @property
    def stamps(self):
        return [to_ns(msg.header.stamp) for _, msg in self.frames]


def test_what_is_played_is_what_was_recorded_at_the_rate_asked_for(g, tmp_path):
    bag = write(tmp_path / 'bag', seconds=3.0, age_s=0.05)
    played = Played(g, bag, rate=2.0)
    assert played.process.wait(30.0) == 0
    wait_for(lambda: json.loads(played.states[-1][1].data)['done'], 2.0, 'the end')
    assert len(played.frames) == 30 and not g.received, 'nothing on cmd_vel'
    shift = json.loads(played.states[-1][1].data)['shift_ns']
    first = START + 20_000_000 - 50_000_000
    assert [stamp - shift for stamp in played.stamps] == [first + i * NS // 10 for i in range(30)]
    assert played.frames[-1][0] - played.frames[0][0] == pytest.approx(
        1.45, abs=0.3 + stalled(played.frames[0][0]))
    pixels = {image_to_rgb(msg).tobytes() for _, msg in played.frames}
    assert len(pixels) == 30
    commands = [to_command(msg).linear_y for _, msg in played.commands]
    assert commands == pytest.approx([0.1 * np.sin(i / 9) for i in range(30)])
    assert [msg.data for _, msg in played.texts] == [TEXT]


def test_recorded_stamps_stay_and_a_start_is_left_out(g, tmp_path):
    bag = write(tmp_path / 'bag', seconds=3.0, compressed=True)
    played = Played(g, bag, CompressedImage, start=2.0, stamps='recorded')
    assert played.process.wait(30.0) == 0
    assert [msg.data for _, msg in played.texts] == [TEXT], 'what was said before holds'
    assert len(played.frames) == 10 and played.stamps[0] == START + 2_020_000_000
    assert compressed_to_rgb(played.frames[0][1]).shape == (240, 320, 3)


def test_what_is_odd_in_a_bag_is_told_and_costs_no_time(g, tmp_path):
    played = Played(g, write_odd(tmp_path / 'bag'), stamps='recorded', rate=4.0)
    assert played.process.wait(30.0) == 0
    assert len(played.frames) == 60 and len(played.commands) == 59
    assert played.stamps == [START + i // 10 * NS for i in range(60)]
    said = ''.join(played.process.lines)
    assert all(words in said for words in ODD_TOLD)
    assert json.loads(played.states[-1][1].data)['seconds'] < 8.0


def test_a_loop_can_be_paused_and_its_stamps_go_forwards(g, tmp_path):
    bag = write(tmp_path / 'bag', seconds=1.0)
    played = Played(g, bag, loop=True, instruction='go right', rate=2.0)
    wait_for(lambda: len(played.frames) > 25, 20.0, 'three rounds')
    answer = g.call(SetBool, 'play/pause', data=True)
    assert answer.success and 'paused at' in answer.message
    wait_for(lambda: time.monotonic() - played.frames[-1][0] > 0.5, 5.0, 'silence')
    count = len(played.frames)
    assert g.call(SetBool, 'play/pause', data=False).success
    wait_for(lambda: len(played.frames) > count + 5, 5.0, 'more frames')
    assert all(b > a for a, b in zip(played.stamps, played.stamps[1:]))
    assert {msg.data for _, msg in played.texts} == {'go right'}


def test_live_and_offline_commands_are_the_same_at_equal_stamps(g, tmp_path):
    bag = write(tmp_path / 'bag', seconds=4.0, compressed=True, says=((0.0, TEXT), (2.05, OTHER)))
    report = tmp_path / 'report.json'
    g.start('-m', 'mobile_vla_ros', 'drive', '--ros-args', '-p', 'publish_plan:=true', '-p',
            'armed:=true', '-p', 'stamped:=true', '-p', 'threads:=1',
            '-p', 'image_transport:=compressed')
    compare = g.start('-m', 'mobile_vla_ros', 'compare', '--ros-args', '-p', f'json:={report}',
                      '-p', f'html:={tmp_path / "report.html"}')
    play = g.start('-m', 'mobile_vla_ros', 'play', '--ros-args', '-p', f'bag:={bag}',
                   '-p', 'wait:=30.0')
    assert play.wait(60.0) == 0
    assert compare.wait(60.0) == 0, ''.join(compare.lines)
    told = json.loads(report.read_text())
    online = told['online']
    assert online['frames'] == 40 and online['compared'] >= 30
    assert online['largest_difference'] <= 1e-6
    assert told['recordings'][0]['sent']['driving'] > 20
    assert 'Driven live' in (tmp_path / 'report.html').read_text()


@pytest.mark.parametrize('parameters, words', [
    ({}, "parameter bag must name a recording, got ''"),
    ({'bag': 'nowhere'}, 'no bag at nowhere'),
    ({'bag': '{bag}', 'start': 7.0}, 'parameter start must be below the 1.9 s of'),
    ({'bag': '{bag}', 'loop': True, 'stamps': 'recorded'}, 'loop:=true needs stamps:=shifted')])
def test_what_cannot_be_played_is_one_line(g, tmp_path, parameters, words):
    bag = write(tmp_path / 'bag')
    args = [item for name, value in parameters.items()
            for item in ('-p', f'{name}:={str(value).format(bag=bag)}')]
    process = g.start('-m', 'mobile_vla_ros', 'play', '--ros-args', *args)
    assert process.wait(20.0) == 2
    line, = ''.join(process.lines).strip().splitlines()
    assert line.startswith('error: ') and words in line


@pytest.mark.parametrize('node, name, good', [
    ('play', 'rate', 2.0), ('play', 'loop', False), ('compare', 'html', 'other.html')])
def test_a_change_while_it_runs_is_refused(g, tmp_path, node, name, good):
    args = ['-p', f'bag:={write(tmp_path / "bag")}', '-p', 'loop:=true'] if node == 'play' \
        else ['-p', f'json:={tmp_path / "report.json"}']
    process = g.start('-m', 'mobile_vla_ros', node, '--ros-args', *args)

    def value():
        return g.call(GetParameters, f'{node}/get_parameters', 20.0, names=[name]).values[0]
    before = value()
    for values in ({name: good}, {'use_sim_time': True, name: good}):
        result = g.set(node, **values)
        assert not result.successful
        assert result.reason == f'parameter {name} is taken at start: restart the node to set ' \
            f'{good!r}'
    assert 'must be' in g.set(node, **{name: [1.5]}).reason
    assert value() == before and process.child.poll() is None
    assert not g.call(GetParameters, f'{node}/get_parameters',
                      names=['use_sim_time']).values[0].bool_value


def test_no_report_is_an_error(g, tmp_path):
    process = g.start('-m', 'mobile_vla_ros', 'compare')
    assert process.wait(20.0) == 2 and 'json or html must name a file' in ''.join(process.lines)
    report = tmp_path / 'report.json'
    compare = g.start('-m', 'mobile_vla_ros', 'compare', '--ros-args', '-p', f'json:={report}')
    wait_for(lambda: 'waiting for a bag' in ''.join(compare.lines), 20.0, 'a listener')
    bag = write(tmp_path / 'bag', seconds=0.5, encoding='yuv420')
    play = g.start('-m', 'mobile_vla_ros', 'play', '--ros-args', '-p', f'bag:={bag}', '-p',
                   'wait:=3.0')
    assert play.wait(30.0) == 0 and 'nobody listens to' in ''.join(play.lines)
    pictures = "5 of 5 frames cannot be read: encoding 'yuv420'"
    assert f'{pictures}; have the camera send' in ''.join(play.lines)
    assert compare.wait(30.0) == 1
    assert f'planned for no frame: {pictures}' in ''.join(compare.lines) and not report.exists()
