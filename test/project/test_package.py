"""The package's papers agree with each other and with the code."""

import ast
import importlib.util
import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile

from support.installed import copy_source
import pytest
import setuptools
from support.paths import ROOT

PACKAGE = ROOT / 'mobile_vla_ros'
MANIFEST = ElementTree.parse(ROOT / 'package.xml').getroot()
SOURCES = sorted(PACKAGE.rglob('*.py'))
PINNED = r"[A-Za-z0-9_.-]+==[0-9][^ ;]*(; python_version (<|>=) '3\.\d+')?"


@pytest.fixture(scope='module')
def arguments() -> dict:
    """Return what setup.py hands to setuptools."""
    taken = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(setuptools, 'setup', taken.update)
        spec = importlib.util.spec_from_file_location('setup_of_package', ROOT / 'setup.py')
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return taken


def test_one_version_everywhere(arguments):
    import mobile_vla_ros
    assert re.fullmatch(r'\d+\.\d+\.\d+', mobile_vla_ros.__version__)
    assert arguments['version'] == mobile_vla_ros.__version__ == MANIFEST.findtext('version')
    assert f'## {mobile_vla_ros.__version__}' in (ROOT / 'CHANGELOG.md').read_text()


def test_manifest_is_that_of_an_ament_python_package(arguments):
    assert MANIFEST.attrib['format'] == '3'
    assert MANIFEST.findtext('export/build_type') == 'ament_python'
    assert MANIFEST.findtext('name') == arguments['name'] == PACKAGE.name
    marker = f'resource/{PACKAGE.name}'  # colcon would add one, pip would not
    assert (ROOT / marker).exists()
    assert ('share/ament_index/resource_index/packages', [marker]) in arguments['data_files']
    assert MANIFEST.findtext('license') == arguments['license'] == 'Apache-2.0'
    assert 'Apache License\n                           Version 2.0' \
        in (ROOT / 'LICENSE').read_text()


def test_scripts_are_functions_of_modules(arguments):
    for script in arguments['entry_points']['console_scripts']:
        name, module, function = re.fullmatch(r'(\w+) = ([\w.]+):(\w+)', script).groups()
        path = ROOT.joinpath(*module.split('.')).with_suffix('.py')
        assert path.exists(), script
        found = [node for node in ast.parse(path.read_text()).body
                 if isinstance(node, ast.FunctionDef) and node.name == function]
        assert found, script
        required = len(found[0].args.args) - len(found[0].args.defaults)
        assert required == 0, f'{script}: a console script is called without arguments'
        assert name == path.stem


def test_every_folder_of_code_is_a_package(arguments):
    folders = {'.'.join(path.parent.relative_to(ROOT).parts) for path in SOURCES}
    assert folders == set(arguments['packages'])


def test_data_files_are_complete(arguments):
    listed = {name for _, names in arguments['data_files'] for name in names}
    for name in listed:
        assert (ROOT / name).is_file(), name
    for target, names in arguments['data_files']:
        for name in names:
            if target.startswith(f'share/{PACKAGE.name}'):
                assert f'share/{PACKAGE.name}/{name}' == f'{target}/{Path(name).name}'
    tracked = {str(path.relative_to(ROOT)) for folder in ('launch', 'config', 'checkpoints')
               for path in (ROOT / folder).rglob('*')
               if path.is_file() and path.suffix not in ('.pyc', '.md')}
    assert tracked <= listed


def test_default_checkpoint_ships_and_is_small():
    files = [ROOT / 'checkpoints' / f'default.{kind}' for kind in ('onnx', 'safetensors')]
    assert [path.exists() for path in files] == [True, True]
    assert sum(path.stat().st_size for path in files) < 10e6


def test_manifest_names_the_ros_packages_that_the_code_imports():
    depends = {element.text for element in MANIFEST.iter('depend')}
    optional = {'tf2_msgs', 'visualization_msgs'}
    of_rclpy = {'rcl_interfaces', 'rosidl_runtime_py', 'launch', 'launch_ros'}
    imported = {name.split('.')[0] for path in SOURCES for name in imports(path)}
    ros = {name for name in imported if name == 'rclpy' or name == 'ament_index_python'
           or re.fullmatch(r'\w+_(msgs|srvs)|cv_bridge', name)}
    assert ros - optional - of_rclpy <= depends
    assert 'rclpy' in ros


def imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_the_drive_node_starts_without_torch_and_the_simulator():
    pytest.importorskip('rclpy', reason='needs ROS 2')
    code = ('import sys, mobile_vla_ros.nodes.drive, mobile_vla_ros.inference.policy;'
            'print([name for name in ("torch", "mujoco", "matplotlib") if name in sys.modules])')
    found = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert found.stdout.strip() == '[]', found.stderr


def test_requirements_are_pinned_and_cover_the_extras(arguments):
    pinned = set()
    for path in (ROOT / 'requirements').glob('*.txt'):
        for line in path.read_text().splitlines():
            line = line.split('#')[0].strip()
            if line.startswith('-r '):
                assert (path.parent / line[3:]).exists(), line
            elif line:
                assert re.fullmatch(PINNED, line), f'{path.name}: {line}'
                pinned.add(line.split('==')[0])
    wanted = [*arguments['install_requires'],
              *(name for names in arguments['extras_require'].values() for name in names)]
    wanted = {re.match(r'[\w-]+', name)[0] for name in wanted} - {'setuptools'}
    assert wanted <= pinned
    assert set(arguments['extras_require']) == {
        'ros', 'sim', 'replay', 'record', 'train', 'hdf5', 'lerobot', 'openvino', 'ray',
        'test'}


def wanted_by(name):
    """Yield (package, version) of a requirements file and of those that it includes."""
    for line in (ROOT / 'requirements' / name).read_text().splitlines():
        if line.startswith('-r '):
            yield from wanted_by(line[3:].strip())
        elif found := re.match(r'([\w-]+)==([\w.]+)', line):
            yield re.sub(r'[-_.]+', '-', found[1]).lower(), found[2]


@pytest.mark.parametrize('name', ['demo', 'train', 'test', 'lint', 'audit'])
def test_what_is_installed_is_locked_by_hash(name):
    text = (ROOT / 'requirements' / 'locked' / f'{name}.txt').read_text()
    blocks = re.split(r'\n(?=\S)', text.strip())[1:]
    assert all(re.fullmatch(r'[\w.-]+==[\w.]+( ;[^\\\n]*)? \\\n'
                            r'(    --hash=sha256:[0-9a-f]{64}( \\\n|$))+', block)
               for block in blocks), 'run scripts/lock.py'
    locked = {tuple(re.match(r'([\w.-]+)==([\w.]+)', block).groups()) for block in blocks}
    missing = set(wanted_by(f'{name}.txt')) - locked
    assert {package for package, _ in missing} <= {'torch'}, 'run scripts/lock.py'


def test_a_wheel_holds_the_shipped_files(tmp_path, arguments):
    """`pip install .` needs nothing but what `colcon build` needs."""
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps',
                    '--no-build-isolation', '-w', str(tmp_path), '.'],
                   cwd=copy_source(tmp_path / 'source'), check=True)
    names = zipfile.ZipFile(next(tmp_path.glob('*.whl'))).namelist()
    data = f'mobile_vla_ros-{arguments["version"]}.data/data/share/mobile_vla_ros/'
    assert {'mobile_vla_ros/nodes/drive.py', 'mobile_vla_ros/py.typed',
            'mobile_vla_ros/report/style.css', 'mobile_vla_ros/report/slider.js'} <= {*names}
    for name in ('launch/drive.launch.py', 'config/joy.yaml', 'checkpoints/default.onnx'):
        assert data + name in names


@pytest.mark.skipif(not shutil.which('make'), reason='needs make')
@pytest.mark.parametrize('failing', ['', 'not (nodes', 'nodes and', '-m alone'])
def test_make_test_runs_every_part_and_tells_if_one_failed(tmp_path, failing):
    script, log = tmp_path / 'python', tmp_path / 'log'
    script.write_text(f'#!/bin/sh\necho "$*" >> {log}\n'
                      f'case "$*" in *"{failing or "none"}"*) exit 1;; esac\n')
    script.chmod(0o755)
    environment = {name: value for name, value in os.environ.items()
                   if name not in ('ARGS', 'MAKEFLAGS', 'MAKELEVEL', 'MAKEOVERRIDES')}
    done = subprocess.run(
        ['make', '-s', '-o', '.venv/.test-stamp', 'test', f'PY={script}', 'CHECK_GL=true'],
        cwd=ROOT, env=environment, capture_output=True, text=True)
    assert bool(done.returncode) == bool(failing), done.stderr
    assert [re.search(r'-m pytest -m (.*?) -n', line)[1] for line in log.open()] == [
        'not (nodes or alone)', 'nodes and not alone', 'alone']


@pytest.mark.skipif(not shutil.which('make'), reason='needs make')
@pytest.mark.parametrize('given, wanted', [
    ({}, []),
    ({'SEED': '7'}, ['--seed', '7']),
    ({'INSTRUCTION': '빨간 "병"의 왼쪽으로; it\'s `that`'},
     ['--instruction', '빨간 "병"의 왼쪽으로; it\'s `that`']),
])
def test_make_demo_hands_the_instruction_on_as_it_is(tmp_path, given, wanted):
    script = tmp_path / 'python'
    script.write_text(f'#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n')
    script.chmod(0o755)
    outer = ('ARGS', 'INSTRUCTION', 'MAKEFLAGS', 'MAKELEVEL', 'MAKEOVERRIDES', 'SEED')
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    printed = subprocess.run(
        ['make', '-s', '-o', '.venv/.demo-stamp', 'demo', f'PY={script}', 'CHECK_GL=true',
         *(f'{name}={value}' for name, value in given.items())],
        cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    assert json.loads(printed) == ['-m', 'mobile_vla_ros', 'demo', *wanted]


def unsafe(source: str) -> list[str]:
    """Return the calls in Python source that run what data says, or load pickles."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, 'module', '') or '']
            found += [n for n in names if n.split('.')[0] in ('pickle', 'marshal', 'dill')]
        if not isinstance(node, ast.Call):
            continue
        name, given = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
        if name in ('eval', 'exec', 'os.system', 'yaml.load', 'yaml.unsafe_load') \
                or given.get('shell', 'False') != 'False' \
                or given.get('allow_pickle', 'False') != 'False' \
                or (name == 'torch.load' and given.get('weights_only') != 'True'):
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize('source', [
    'import pickle', 'from pickle import load', 'eval(x)', 'subprocess.run(x, shell=True)',
    'np.load(x, allow_pickle=True)', 'torch.load(x)', 'yaml.load(x)'])
def test_what_is_unsafe_is_found(source):
    assert unsafe(source)


def test_nothing_runs_what_data_says():
    paths = [*SOURCES, *(ROOT / 'bench').rglob('*.py'), *(ROOT / 'launch').glob('*.py'),
             *(ROOT / 'scripts').glob('*.py'), ROOT / 'setup.py']
    assert len(paths) > 80
    assert {path.name: unsafe(path.read_text(encoding='utf-8')) for path in paths
            if unsafe(path.read_text(encoding='utf-8'))} == {}
