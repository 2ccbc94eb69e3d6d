"""The drive node with real files: what loads drives, what does not is refused in one line."""

import math
import os
import pickle

import pytest
from support import tiny_checkpoint

from support.ros_harness import graph, refusal, wait_for

pytest.importorskip('onnxruntime')
pytest.importorskip('mobile_vla_ros.inference.policy')

DRIVE = ('-c', 'import sys; from mobile_vla_ros.nodes.drive import main; '
         'sys.exit(main(sys.argv[1:]))', '--ros-args')


def truncated(path):
    path.write_bytes(tiny_checkpoint.write(path).read_bytes()[:-100])


def flipped(path):
    data = bytearray(tiny_checkpoint.write(path).read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def pickled(path):
    path.write_bytes(pickle.dumps(os.getcwd))


@pytest.mark.parametrize('make, name, words', [
    (lambda path: tiny_checkpoint.write(path, math.nan), '5.onnx', 'not finite'),
    (lambda path: tiny_checkpoint.write(path, math.inf), '5.onnx', 'not finite'),
    (truncated, '6.onnx', 'damaged or changed'),
    (flipped, '6.onnx', 'damaged or changed'),
    (pickled, '7.onnx', 'not a checkpoint of this package'),
    (pickled, '7.pth', 'pickles'),
    (lambda path: None, 'missing.onnx', 'no checkpoint at'),
    (lambda path: path.mkdir(), 'folder.onnx', 'no checkpoint at'),
])
def test_5_6_7_a_bad_file_is_refused_and_never_active(make, name, words, tmp_path):
    path = tmp_path / name
    make(path)
    status, lines = refusal(*DRIVE, '-p', f'checkpoint:={path}')
    assert status == 1 and len(lines) == 1, lines
    assert 'no policy: ' in lines[0] and words in lines[0]


def test_6_a_bad_file_leaves_the_running_one_and_a_good_one_replaces_it(tmp_path):
    good, bad = tmp_path / 'good.onnx', tmp_path / 'bad.onnx'
    tiny_checkpoint.write(good)
    flipped(bad)
    with graph() as g:
        process = g.start(*DRIVE, '-p', f'checkpoint:={good}', '-p', 'armed:=true', '-p',
                          'instruction:=go left')
        g.stream()
        moving = wait_for(lambda: g.moving() or process.child.poll() is not None, 30.0, 'moving')
        assert moving is not True, process.lines
        result = g.set('drive', checkpoint=str(bad))
        assert not result.successful and 'damaged or changed' in result.reason
        at = g.received[-1][0]
        wait_for(lambda: g.moving(at), 2.0, 'moving on')
        tiny_checkpoint.write(good, 0.01)
        assert g.set('drive', checkpoint=str(good)).successful
        wait_for(lambda: 'disarmed' in g.diagnostics['drive: control'].message, 3.0, 'disarmed')
