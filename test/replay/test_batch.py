"""Many recordings, or long ones: bounded memory, the same result over processes."""

import json
import subprocess
import sys

import pytest
from support.tiny_checkpoint import write as write_tiny

pytest.importorskip('rosbags')
from support.bags import write  # noqa: E402

from mobile_vla_ros.cli import replay as verb  # noqa: E402


PEAK = """
import resource, sys
from mobile_vla_ros.cli.replay import main
main(sys.argv[1:])
print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_bag(tmp_path):
    tiny, peaks = str(write_tiny(tmp_path / 'tiny.onnx')), []
    for seconds in (6.0, 60.0):
        bag = str(write(tmp_path / f'{seconds:g}', seconds=seconds, hz=20.0, compressed=True))
        out = subprocess.run(
            [sys.executable, '-c', PEAK, bag, '--checkpoint', tiny, '--html',
             str(tmp_path / 'a.html'), '--json', str(tmp_path / 'a.json')],
            check=True, capture_output=True, text=True).stdout
        peaks.append(int(out.split()[-1]))
    assert json.loads((tmp_path / 'a.json').read_text())['frames_compared'] == 1200
    assert peaks[1] < 1.1 * peaks[0], f'{peaks} KB'


def test_bags_replayed_at_once_are_as_one_after_the_other(tmp_path, capsys):
    bags = [str(write(tmp_path / name, seconds=2.0, hz=hz, compressed=True))
            for name, hz in (('a', 10.0), ('b', 5.0), ('c', 20.0))]
    told = []
    for processes in '1', '2':
        out = tmp_path / f'{processes}.json'
        assert verb.main([*bags, '--processes', processes, '--json', str(out)]) == 0
        told.append(json.loads(out.read_text()))
        assert told[-1].pop('timing')['times_real_time'] > 0
    assert told[0] == told[1]
    assert [row['name'] for row in told[0]['recordings']] == ['a', 'b', 'c']
    next((tmp_path / 'c').glob('*.db3')).unlink()
    assert verb.main([*bags, '--processes', '2']) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f'error: {bags[2]}: ')
