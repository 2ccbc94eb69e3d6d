"""Episodes of a recorder that was killed: repaired up to the last message that is whole."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
import yaml

from mobile_vla_ros.cli import dataset as verb
from mobile_vla_ros.data.repair import EpisodeError, repair
from support.episodes import begin_episode, read_texts
from support.paths import ROOT

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
        got = [int(line[:8]) for line in read_texts(folder)]
        assert got == list(range(len(got))) and len(got) >= last + 1
        assert told['messages'] == len(got)
        custom = yaml.safe_load((folder / 'metadata.yaml').read_text())[
            'rosbag2_bagfile_information']['custom_data']
        assert custom == {'instruction': 'go left', 'repaired': 'yes'}
        assert (folder / f'e{trial}_0.damaged').exists()
        assert not list(tmp_path.glob('.*'))


def test_any_cut_is_repaired_up_to_it(tmp_path):
    begin_episode(tmp_path / 'a', 8)  # never closed
    whole = (tmp_path / 'a' / 'a_0.mcap').read_bytes()
    counts = []
    for cut in range(len(whole), 0, -97):
        folder = tmp_path / f'cut{cut}'
        folder.mkdir()
        (folder / 'x_0.mcap').write_bytes(whole[:cut])
        try:
            counts.append(repair(folder)['messages'])
            assert read_texts(folder) == [f'number {i}' for i in range(counts[-1])]
        except EpisodeError as error:
            assert 'no complete message' in str(error)
            assert (folder / 'x_0.mcap').read_bytes() == whole[:cut], 'left as it was'
            counts.append(0)
    assert counts == sorted(counts, reverse=True) and counts[0] == 8 and counts[-1] == 0


def test_repair_says_what_it_cannot_do(tmp_path, capsys):
    begin_episode(tmp_path / 'whole').close()
    (tmp_path / 'empty').mkdir()
    assert verb.main(['repair', str(tmp_path / 'whole'), str(tmp_path / 'empty')]) == 1
    told = capsys.readouterr().err
    assert 'is whole, nothing to repair' in told and 'found 0' in told
    begin_episode(tmp_path / 'broken')
    assert verb.main(['repair', str(tmp_path / 'broken')]) == 0
    assert '5 messages' in capsys.readouterr().out
