"""The record node over DDS: what it writes is what was published, whatever happens to it."""

import contextlib
import json
import os
from pathlib import Path
import re
import signal
import subprocess
import time

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')
from support.ros_harness import assert_within, graph, SOAK, stalled, wait_for  # noqa: E402

from geometry_msgs.msg import Twist  # noqa: E402, I100
from std_msgs.msg import String  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from mobile_vla_ros.contract import Command  # noqa: E402
from mobile_vla_ros.data.bag_paths import read_info  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.data.episode import is_whole  # noqa: E402
from mobile_vla_ros.images.decode import decode  # noqa: E402
from mobile_vla_ros.messages import to_twist  # noqa: E402


class Recording:
    """A record node that hears a camera and commands."""

    def __init__(self, g, folder, **parameters):
        self.g, self.folder = g, folder
        args = [item for name, value in {'folder': folder, **parameters}.items()
                for item in ('-p', f'{name}:={value}')]
        self.process = g.start('-m', 'mobile_vla_ros', 'record', '--ros-args', *args)
        self.states = []
        g.node.create_subscription(String, 'record/status',
                                   lambda msg: self.states.append(json.loads(msg.data)), 10)
        self.commands = g.node.create_publisher(Twist, 'cmd_vel', 10)
        g.stream(20.0)
        self.count = 0
        g.node.create_timer(0.05, self._drive)
        wait_for(lambda: self.states and self.commands.get_subscription_count() > 1, 20.0,
                 'a recorder')

    def _drive(self):
        self.count += 1
        self.commands.publish(to_twist(Command(self.count / 1000, -0.25, 0.5)))

    def call(self, name):
        return self.g.call(Trigger, f'record/{name}')

    def started(self, seconds):
        answer = self.call('start')
        assert answer.success, answer.message
        wait_for(lambda: self.states[-1]['seconds'] >= seconds, 20.0, f'{seconds} s of recording')
        return Path(answer.message)


@pytest.fixture
def g():
    with graph() as opened:
        yield opened


def test_an_episode_holds_what_was_published(g, tmp_path):
    r = Recording(g, tmp_path / 'drives', scenario='two boxes', robot='omni')
    refused = r.call('start')
    assert not refused.success and 'no instruction' in refused.message
    g.set('record', instruction='go left')
    first, folder = len(g.sent), r.started(2.0)
    told = json.loads(r.call('keep').message)
    sent = g.sent[first:]
    sent_hz = (len(sent) - 1) / (sent[-1] - sent[0])  # less than 20 on a busy machine
    assert is_whole(folder) and told['dropped'] == 0 and not told['error']
    assert told['kept'] == {'two boxes': 1}
    with Bag(folder) as bag:
        events = list(bag.events())
    images = [event for event in events if event.kind == 'image']
    assert len(sent) >= len(images) >= 0.9 * sent_hz * told['seconds']
    pixels = [int(decode(event.value)[8, 8, 0]) for event in images]
    assert all((b - a) % 256 == 1 for a, b in zip(pixels, pixels[1:])), 'every frame, in order'
    steps = [event.value.linear_x for event in events if event.kind == 'command']
    assert len(steps) > 20 and all(b - a == pytest.approx(0.001) for a, b in
                                   zip(steps, steps[1:]))
    assert [e.value for e in events if e.kind == 'instruction'] == ['go left']
    text = (folder / 'metadata.yaml').read_text()
    assert 'scenario: two boxes' in text and 'robot: omni' in text
    assert json.loads(read_info(folder)['rates'])['/image'] == pytest.approx(sent_hz, rel=0.2)
    state = r.states[-2]
    assert state['rates']['/image'] == pytest.approx(sent_hz, rel=0.2)


def test_discard_leaves_nothing_and_a_signal_keeps(g, tmp_path):
    r = Recording(g, tmp_path / 'drives', instruction='go')
    folder = r.started(0.5)
    assert r.call('discard').success and not folder.exists()
    assert not r.call('keep').success, 'nothing is open'
    folder = r.started(0.5)
    r.process.send(signal.SIGINT)
    assert r.process.wait(10.0) == 0
    assert is_whole(folder)


def mend(g, folder):
    """Make an episode whole as a user does; return what is said."""
    process = g.start('-m', 'mobile_vla_ros', 'dataset', 'repair', folder)
    assert process.wait(20.0) == 0, ''.join(process.lines)
    assert is_whole(folder)
    return ''.join(process.lines)


def test_25_a_killed_recorder_loses_less_than_a_second(tmp_path):
    for trial in range(SOAK):
        with graph() as g:
            r = Recording(g, tmp_path / f'drives{trial}', instruction='go')
            folder = r.started(1.0)
            r.process.kill()
            killed_ns, killed = time.time_ns(), time.monotonic()
            assert not is_whole(folder)
            count = int(re.search(r'(\d+) messages, ', mend(g, folder))[1])
            with Bag(folder) as bag:
                times = [event.received_ns for event in bag.events() if event.kind == 'image']
            assert count > len(times) > 15
            lost = (killed_ns - max(times)) / 1e9
            assert_within(lost, 1.0, killed - lost)


def test_a_silent_camera_is_told_and_written(g, tmp_path):
    r = Recording(g, tmp_path / 'drives', instruction='go')
    wait_for(lambda: r.states[-1]['rates']['/image'] > 8.0, 10.0, 'a rate before any episode')
    assert not r.states[-1]['recording']
    g.still()
    wait_for(lambda: r.states[-1]['troubles'] == [
        'nothing comes on /image: is its publisher running?'], 10.0, 'a complaint before it')
    g.stream(20.0)
    wait_for(lambda: r.states[-1]['rates']['/image'] > 8.0, 10.0, 'the camera again')
    folder = r.started(0.5)
    g.still()
    wait_for(lambda: any('nothing comes on /image' in line
                         for line in r.states[-1]['troubles']), 10.0, 'a complaint')
    wait_for(lambda: 'nothing comes on /image' in g.diagnostics['/record: recording'].message,
             5.0, 'the same in the diagnostics')
    g.stream(20.0)
    wait_for(lambda: r.states[-1]['rates']['/image'] > 8.0, 10.0, 'the camera to come back')
    assert r.call('keep').success
    assert 'nothing came on /image' in json.loads(read_info(folder)['troubles'])


@pytest.fixture
def disk(tmp_path):
    """Yield a folder that is a disk of 4 MB."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    if os.geteuid() or subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', 'size=4M', 'tmpfs', str(folder)]).returncode:
        pytest.skip('no tmpfs can be mounted here')
    yield folder
    subprocess.run(['umount', str(folder)], check=True)


def test_26_a_disk_that_fills_up_ends_the_recording_with_a_whole_file(disk, g, trial):
    r = Recording(g, disk / 'drives', instruction='go', min_free_mb=2.0)
    folder = r.started(0.3)
    (disk / 'other').write_bytes(bytes(2 * 2**20))
    assert r.process.wait(10.0) == 1
    assert is_whole(folder) and 'MB free, less than' in ''.join(r.process.lines)
    with Bag(folder) as bag:
        assert sum(1 for event in bag.events() if event.kind == 'image') > 3


def test_26_a_disk_that_is_full_to_the_last_byte_does_not_disturb_driving(disk, g, trial):
    g.drives()
    recorder = g.start('-m', 'mobile_vla_ros', 'record', '--ros-args', '-p', 'instruction:=go',
                       '-p', f'folder:={disk / "drives"}', '-p', 'min_free_mb:=0')
    answer = g.call(Trigger, 'record/start', 20.0)
    assert answer.success, answer.message
    at = time.monotonic()
    wait_for(lambda: time.monotonic() > at + 0.5, 2.0, 'half a second')
    with contextlib.suppress(OSError), open(disk / 'other', 'wb', buffering=0) as other:
        while other.write(bytes(4096)):
            pass
    assert recorder.wait(10.0) == 1
    wait_for(lambda: time.monotonic() > at + 2.0, 3.0, 'what comes after it')
    times = [t for t, command in g.received if t > at]
    assert g.zero(at) is None or stalled(at)
    assert_within(max(b - a for a, b in zip(times, times[1:])), 2 * 0.05, at)
    (disk / 'other').unlink()
    mend(g, Path(answer.message))
    with Bag(Path(answer.message)) as bag:
        assert sum(1 for event in bag.events() if event.kind == 'image') > 3


def test_wrong_parameters_are_one_line(g):
    process = g.start('-m', 'mobile_vla_ros', 'record', '--ros-args', '-p', 'distance:=near')
    assert process.wait(20.0) == 2
    assert ''.join(process.lines).strip().splitlines() == [
        "error: parameter distance must be one of , close, medium, far, got 'near'"]
