"""The recorder keeps what comes, and tells what is wrong while it can still be mended."""

import json
import os
import subprocess
import threading
import time
from types import SimpleNamespace

import pytest
import yaml

from mobile_vla_ros.data import recorder as recorder_module
from mobile_vla_ros.data.recorder import Recorder, Topic
from mobile_vla_ros.data.repair import repair
from support.bags import START
from support.episodes import definition, raw_text, read_texts, STRING


def recorder(root, **settings):
    topics = [Topic('image', STRING, needed=True, least_hz=10.0), Topic('events', STRING)]
    return Recorder(root, topics, definition, **settings)


def test_the_recorder_keeps_or_discards(tmp_path):
    r = recorder(tmp_path)
    with pytest.raises(RuntimeError, match='nothing is being recorded'):
        r.stop()
    r.offer('image', START, raw_text('before it starts'))
    r.start('one', {'instruction': 'go'})
    with pytest.raises(RuntimeError, match='one is being recorded'):
        r.start('two', {})
    for i in range(50):
        r.offer('image', START + i, raw_text(str(i)))
    told = r.stop()
    assert told['messages'] == {'image': 50, 'events': 0} and not told['error']
    assert read_texts(tmp_path / 'one') == [str(i) for i in range(50)]
    r.start('two', {})
    r.offer('image', START, raw_text('x'))
    r.stop(keep=False)
    assert not (tmp_path / 'two').exists() and not r.recording


def test_a_silent_camera_shows_before_an_episode(tmp_path, monkeypatch):
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr(recorder_module, 'time', SimpleNamespace(monotonic=lambda: now.s))
    topics = [Topic('image', STRING, needed=True, least_hz=10.0, always=True),
              Topic('cmd_vel', STRING, needed=True)]
    r = Recorder(tmp_path / 'drives', topics, definition)
    assert r.troubles() == [] and r.rates() == {'image': 0.0, 'cmd_vel': 0.0}
    now.s += 2.1
    assert r.troubles() == ['nothing comes on image: is its publisher running?'], \
        'nobody drives yet, so there are no commands'
    for _ in range(40):
        now.s += 0.05
        r.offer('image', START, raw_text('x'))
    assert r.rates()['image'] == pytest.approx(20.0, abs=1.0) and r.troubles() == []
    for _ in range(10):
        now.s += 0.2
        r.offer('image', START, raw_text('x'))
    assert r.troubles() == ['image comes at 5.0 Hz, wanted are 10']
    now.s += 2.1
    r.start('one', {})
    assert len(r.troubles()) == 2, 'both are missed while recording'
    r.stop(keep=False)


def test_a_full_disk_shows_before_an_episode(tmp_path):
    r = recorder(tmp_path / 'not' / 'there', min_free_bytes=2**60)
    trouble, = r.troubles()
    assert 'MB free, less than' in trouble


def test_the_recorder_tells_what_is_wrong(tmp_path, monkeypatch):
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr(recorder_module, 'time', SimpleNamespace(monotonic=lambda: now.s))
    r = recorder(tmp_path)
    r.start('one', {})
    assert r.troubles() == ['nothing comes on image: is its publisher running?']
    r.offer('image', START, raw_text('x'))
    r.offer('image', START + 4 * 10**9, raw_text('x'))  # at once, by the steady clock
    assert any('clock was set 1 times' in line for line in r.troubles())
    now.s += 1.9
    r.offer('image', START + 6 * 10**9, raw_text('x'))
    now.s += 0.2
    assert 'image comes at 0.5 Hz, wanted are 10' in r.troubles()
    monkeypatch.setattr(recorder_module, 'QUEUE_BYTES', 10)
    r.offer('image', START + 4 * 10**9, raw_text('far more than ten bytes'))
    assert r.dropped == 1 and any('1 messages dropped' in line for line in r.troubles())
    assert r.stop()['dropped'] == 1


def custom_data(folder):
    """Return what was noted beside the messages."""
    described = yaml.safe_load((folder / 'metadata.yaml').read_text())
    return described['rosbag2_bagfile_information']['custom_data']


def test_rates_and_every_trouble_are_written_into_the_episode(tmp_path, monkeypatch):
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr(recorder_module, 'time', SimpleNamespace(monotonic=lambda: now.s))
    r = recorder(tmp_path)
    r.start('one', {})
    assert r.troubles(), 'nothing came yet, which is no trouble of this episode'
    for i in range(100):
        now.s += 0.1 if i < 50 else 0.5
        r.offer('image', START + round((now.s + 9 * (i > 90)) * 1e9), raw_text('x'))
        r.troubles()
    end = time.monotonic() + 10
    while r.seconds < 38.0 and time.monotonic() < end:  # until all is on the disk
        time.sleep(0.001)
    told = r.stop()
    noted = custom_data(tmp_path / 'one')
    assert all(isinstance(value, str) for value in noted.values())
    assert json.loads(noted['rates']) == {'image': 3.33, 'events': 0.0}
    assert json.loads(noted['troubles']) == [
        'image came at less than 10 Hz', 'the clock was set while recording']
    assert told['clock_jumps'] == 1 and noted['clock_jumps'] == '1'
    r.start('two', {'scenario': '왼쪽'})
    now.s += 0.1
    r.offer('image', START, raw_text('x'))
    r.stop()
    assert json.loads(custom_data(tmp_path / 'two')['troubles']) == [], 'its own only'


def test_troubles_of_an_episode_too_short_to_be_looked_at_are_written(tmp_path, monkeypatch):
    r = recorder(tmp_path)
    r.start('one', {})
    monkeypatch.setattr(recorder_module, 'QUEUE_BYTES', 10)
    r.offer('image', START, raw_text('far more than ten bytes'))
    r.stop()
    assert json.loads(custom_data(tmp_path / 'one')['troubles']) == [
        'messages dropped: the disk is too slow', 'nothing came on image']


class Unhurried(Recorder):
    """A recorder that loses the processor between a look at what waits and its change."""

    @property
    def _waiting(self):
        seen = self._bytes
        time.sleep(0.0002)
        return seen

    @_waiting.setter
    def _waiting(self, value):
        self._bytes = value


def test_what_waits_for_the_disk_is_counted_once_whoever_comes_at_the_same_time(tmp_path):
    r = Unhurried(tmp_path, [Topic('image', STRING)], definition)
    r.start('one', {})

    def offer():
        for i in range(50):
            r.offer('image', START + i, raw_text(str(i)))
    threads = [threading.Thread(target=offer) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = r.stop()
    assert told['messages'] == {'image': 150} and told['dropped'] == 0
    assert r._waiting == 0


def test_too_little_room_is_told_before_anything_is_written(tmp_path):
    r = recorder(tmp_path, min_free_bytes=10**18)
    with pytest.raises(OSError, match='MB free, less than'):
        r.start('one', {})
    assert not (tmp_path / 'one').exists()


@pytest.mark.skipif(os.geteuid() != 0, reason='mounting a small disk needs root')
def test_26_a_full_disk_leaves_an_episode_that_can_be_repaired(tmp_path):
    disk = tmp_path / 'disk'
    disk.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=2M', 'tmpfs', str(disk)]).returncode:
        pytest.skip('no tmpfs can be mounted here')
    try:
        r = recorder(disk)
        r.start('one', {'instruction': 'go'})
        for i in range(40):
            r.offer('image', START + i, raw_text(f'{i:04d}' + os.urandom(60_000).hex()))
        end = time.monotonic() + 10
        while not r.full and time.monotonic() < end:
            time.sleep(0.005)
        told = r.stop()
        assert 'No space left' in told['error'] and threading.active_count() >= 1
        copy = tmp_path / 'one'
        subprocess.run(['cp', '-r', str(disk / 'one'), str(copy)], check=True)
        assert repair(copy)['messages'] >= 15
        numbers = [line[:4] for line in read_texts(copy)]
        assert numbers == [f'{i:04d}' for i in range(len(numbers))]
    finally:
        subprocess.run(['umount', str(disk)], check=True)
