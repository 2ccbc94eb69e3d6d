"""Episodes on disk: whole, killed, and full."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
import yaml

pytest.importorskip('rosbags')
from mcap.reader import make_reader  # noqa: E402
from mcap.records import Chunk  # noqa: E402
from mcap.stream_reader import StreamReader  # noqa: E402
from mcap_ros2.decoder import DecoderFactory  # noqa: E402
from rosbags.highlevel import AnyReader  # noqa: E402
from rosbags.typesys import get_typestore, Stores  # noqa: E402
import zstandard  # noqa: E402

from mobile_vla_ros.cli import dataset as verb  # noqa: E402
from mobile_vla_ros.data import recorder as recorder_module  # noqa: E402
from mobile_vla_ros.data.episode import EpisodeWriter  # noqa: E402
from mobile_vla_ros.data.episode_file import LEVEL  # noqa: E402
from mobile_vla_ros.data.recorder import Recorder, Topic  # noqa: E402
from mobile_vla_ros.data.repair import EpisodeError, repair  # noqa: E402
from support.paths import ROOT  # noqa: E402

STORE = get_typestore(Stores.ROS2_HUMBLE)
STRING = 'std_msgs/msg/String'
START = 1_700_000_000_000_000_000
WRITER = """
import sys, time
from pathlib import Path
from mobile_vla_ros.data.episode import EpisodeWriter
writer = EpisodeWriter(Path(sys.argv[1]), {'instruction': 'go left'})
channel = writer.topic('/events', 'std_msgs/msg/String', 'string data\\n')
for i in range(1_000_000):
    text = f'{i:08d}' + 'x' * int(sys.argv[2])
    raw = bytes([0, 1, 0, 0]) + (len(text) + 1).to_bytes(4, 'little') + text.encode() + b'\\0'
    writer.write(channel, time.time_ns(), raw)
    print(i, flush=True)
"""


def definition(kind):
    return STORE.generate_msgdef(kind, ros_version=2)[0]


def text(value) -> bytes:
    return bytes(STORE.serialize_cdr(STORE.types[STRING](data=value), STRING))


def read(folder):
    """Return the texts, read by a reader that is not ours."""
    with AnyReader([folder]) as reader:
        return [reader.deserialize(raw, STRING).data for _, _, raw in reader.messages()]


def write(folder, count=5):
    writer = EpisodeWriter(folder, {'instruction': '왼쪽으로', 'scenario': 'a'})
    channel = writer.topic('/events', STRING, definition(STRING))
    for i in range(count):
        writer.write(channel, START + i * 100_000_000, text(f'number {i}'))
    return writer


def test_chunks_are_compressed_at_the_level_that_costs_least(tmp_path):
    writer = EpisodeWriter(tmp_path / 'a', {})
    channel = writer.topic('/events', STRING, definition(STRING))
    words = random.Random(0).choices(['left', 'right', 'bottle', 'box', 'around'], k=9000)
    writer.write(channel, START, text(' '.join(words)))
    writer.close()
    with (tmp_path / 'a' / 'a_0.mcap').open('rb') as file:
        chunk = next(row for row in StreamReader(file, emit_chunks=True).records
                     if isinstance(row, Chunk) and row.uncompressed_size > 9000)
    content = zstandard.decompress(chunk.data)
    assert chunk.compression == 'zstd'
    assert chunk.data == zstandard.compress(content, level=LEVEL) != zstandard.compress(content)


def test_a_closed_episode_is_read_by_others(tmp_path):
    write(tmp_path / 'a').close({'dropped': '0'})
    assert read(tmp_path / 'a') == [f'number {i}' for i in range(5)]
    with (tmp_path / 'a' / 'a_0.mcap').open('rb') as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        assert [row[3].data for row in reader.iter_decoded_messages()] == read(tmp_path / 'a')
    told = yaml.safe_load((tmp_path / 'a' / 'metadata.yaml').read_text())[
        'rosbag2_bagfile_information']
    assert told['custom_data'] == {'instruction': '왼쪽으로', 'scenario': 'a', 'dropped': '0'}
    assert told['message_count'] == 5 and told['duration'] == {'nanoseconds': 400_000_000}
    assert told['starting_time'] == {'nanoseconds_since_epoch': START}
    topic, = told['topics_with_message_count']
    assert (topic['topic_metadata']['name'], topic['message_count']) == ('/events', 5)


@pytest.mark.parametrize('size', [10, 200_000])
def test_a_killed_recording_loses_nothing_that_was_written(tmp_path, size):
    rng = random.Random(size)
    for trial in range(int(os.environ.get('MOBILE_VLA_SOAK', 1)) * 3):
        folder = tmp_path / f'e{trial}'
        process = subprocess.Popen(
            [sys.executable, '-c', WRITER, str(folder), str(size)], stdout=subprocess.PIPE,
            text=True, env={**os.environ, 'PYTHONPATH': str(ROOT)})
        process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.4))
        process.send_signal(signal.SIGKILL)
        written = [int(line) for line in process.stdout.read().split()]
        process.wait()
        last = written[-1] if written else 0
        told = repair(folder)
        got = [int(line[:8]) for line in read(folder)]
        assert got == list(range(len(got))) and len(got) >= last + 1
        assert told['messages'] == len(got)
        custom = yaml.safe_load((folder / 'metadata.yaml').read_text())[
            'rosbag2_bagfile_information']['custom_data']
        assert custom == {'instruction': 'go left', 'repaired': 'yes'}
        assert (folder / f'e{trial}_0.damaged').exists()
        assert not list(tmp_path.glob('.*'))


def test_any_cut_is_repaired_up_to_it(tmp_path):
    write(tmp_path / 'a', 8)  # never closed
    whole = (tmp_path / 'a' / 'a_0.mcap').read_bytes()
    counts = []
    for cut in range(len(whole), 0, -97):
        folder = tmp_path / f'cut{cut}'
        folder.mkdir()
        (folder / 'x_0.mcap').write_bytes(whole[:cut])
        try:
            counts.append(repair(folder)['messages'])
            assert read(folder) == [f'number {i}' for i in range(counts[-1])]
        except EpisodeError as error:
            assert 'no complete message' in str(error)
            assert (folder / 'x_0.mcap').read_bytes() == whole[:cut], 'left as it was'
            counts.append(0)
    assert counts == sorted(counts, reverse=True) and counts[0] == 8 and counts[-1] == 0


def test_repair_says_what_it_cannot_do(tmp_path, capsys):
    write(tmp_path / 'whole').close()
    (tmp_path / 'empty').mkdir()
    assert verb.main(['repair', str(tmp_path / 'whole'), str(tmp_path / 'empty')]) == 1
    told = capsys.readouterr().err
    assert 'is whole, nothing to repair' in told and 'found 0' in told
    write(tmp_path / 'broken')
    assert verb.main(['repair', str(tmp_path / 'broken')]) == 0
    assert '5 messages' in capsys.readouterr().out


def recorder(root, **settings):
    topics = [Topic('image', STRING, needed=True, least_hz=10.0), Topic('events', STRING)]
    return Recorder(root, topics, definition, **settings)


def test_the_recorder_keeps_or_discards(tmp_path):
    r = recorder(tmp_path)
    with pytest.raises(RuntimeError, match='nothing is being recorded'):
        r.stop()
    r.offer('image', START, text('before it starts'))
    r.start('one', {'instruction': 'go'})
    with pytest.raises(RuntimeError, match='one is being recorded'):
        r.start('two', {})
    for i in range(50):
        r.offer('image', START + i, text(str(i)))
    told = r.stop()
    assert told['messages'] == {'image': 50, 'events': 0} and not told['error']
    assert read(tmp_path / 'one') == [str(i) for i in range(50)]
    r.start('two', {})
    r.offer('image', START, text('x'))
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
        r.offer('image', START, text('x'))
    assert r.rates()['image'] == pytest.approx(20.0, abs=1.0) and r.troubles() == []
    for _ in range(10):
        now.s += 0.2
        r.offer('image', START, text('x'))
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
    r.offer('image', START, text('x'))
    r.offer('image', START + 4 * 10**9, text('x'))  # at once, by the steady clock
    assert any('clock was set 1 times' in line for line in r.troubles())
    now.s += 1.9
    r.offer('image', START + 6 * 10**9, text('x'))
    now.s += 0.2
    assert 'image comes at 0.5 Hz, wanted are 10' in r.troubles()
    monkeypatch.setattr(recorder_module, 'QUEUE_BYTES', 10)
    r.offer('image', START + 4 * 10**9, text('far more than ten bytes'))
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
        r.offer('image', START + round((now.s + 9 * (i > 90)) * 1e9), text('x'))
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
    r.offer('image', START, text('x'))
    r.stop()
    assert json.loads(custom_data(tmp_path / 'two')['troubles']) == [], 'its own only'


def test_troubles_of_an_episode_too_short_to_be_looked_at_are_written(tmp_path, monkeypatch):
    r = recorder(tmp_path)
    r.start('one', {})
    monkeypatch.setattr(recorder_module, 'QUEUE_BYTES', 10)
    r.offer('image', START, text('far more than ten bytes'))
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
            r.offer('image', START + i, text(str(i)))
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
            r.offer('image', START + i, text(f'{i:04d}' + os.urandom(60_000).hex()))
        end = time.monotonic() + 10
        while not r.full and time.monotonic() < end:
            time.sleep(0.005)
        told = r.stop()
        assert 'No space left' in told['error'] and threading.active_count() >= 1
        copy = tmp_path / 'one'
        subprocess.run(['cp', '-r', str(disk / 'one'), str(copy)], check=True)
        assert repair(copy)['messages'] >= 15
        assert [line[:4] for line in read(copy)] == [f'{i:04d}' for i in range(len(read(copy)))]
    finally:
        subprocess.run(['umount', str(disk)], check=True)
