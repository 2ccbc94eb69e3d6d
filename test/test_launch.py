"""Launch files: everywhere, that all they name exists; where launch_ros is, real launches."""

import ast
from pathlib import Path
import re
import xml.etree.ElementTree as ElementTree

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / 'launch').glob('*.launch.py'))
SCRIPTS = re.findall(r"f'(\w+) = \{PACKAGE\}", (ROOT / 'setup.py').read_text())
DEPENDS = {element.text for element in ElementTree.parse(ROOT / 'package.xml').iter()
           if element.tag in ('depend', 'exec_depend')}
each_file = pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)


def settings(node: str) -> dict:
    """Return name: Setting of one of our nodes."""
    pytest.importorskip('rclpy', reason='needs ROS 2')
    if node == 'drive':
        from mobile_vla_ros.nodes.drive_settings import SETTINGS
    else:
        from mobile_vla_ros.nodes.sim import SETTINGS
    return {setting.name: setting for setting in SETTINGS}


def calls(path: Path, name: str) -> list:
    """Return the calls of `name` in a file."""
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
            and getattr(node.func, 'id', getattr(node.func, 'attr', None)) == name]


def keywords(call: ast.Call) -> dict:
    return {keyword.arg: keyword.value for keyword in call.keywords}


def names(path: Path, call: str) -> set:
    """Return the constant first arguments of the calls of `call`."""
    return {found.args[0].value for found in calls(path, call)
            if isinstance(found.args[0], ast.Constant)}


def test_the_launch_files_are_there():
    assert [path.name for path in FILES] == [
        'drive.launch.py', 'robot.launch.py', 'simulation.launch.py']


@each_file
def test_executables_exist(path):
    nodes = calls(path, 'Node')
    assert nodes
    for node in nodes:
        package = keywords(node)['package'].value
        if package == 'mobile_vla_ros':
            assert keywords(node)['executable'].value in SCRIPTS
        assert package == 'mobile_vla_ros' or package in DEPENDS


@each_file
def test_files_exist(path):
    for call in calls(path, 'shipped'):
        parts = [part.value for part in call.args if isinstance(part, ast.Constant)]
        assert ROOT.joinpath(*parts).exists(), parts
    for call in calls(path, 'include'):
        assert (ROOT / 'launch' / call.args[0].value).exists()
    assert (ROOT / 'config' / 'fastdds_shm.xml').exists()


@each_file
def test_arguments_are_declared_and_used(path):
    declared = names(path, 'DeclareLaunchArgument')
    used = names(path, 'LaunchConfiguration')
    used |= {call.args[1].value for call in calls(path, 'is_true')}
    used |= {name for call in calls(path, 'given') for name in keywords(call)}
    assert used <= declared
    included = set()
    for call in calls(path, 'include'):
        included |= names(path.parent / call.args[0].value, 'DeclareLaunchArgument')
    assert declared - used <= included
    for call in calls(path, 'DeclareLaunchArgument'):
        assert 'description' in keywords(call), call.args[0].value


@each_file
def test_conditions_are_conditions(path):
    """A bare LaunchConfiguration as a condition is always true, also when it says false."""
    for kind in ('Node', 'GroupAction', 'IncludeLaunchDescription'):
        for call in calls(path, kind):
            condition = keywords(call).get('condition')
            if isinstance(condition, ast.Call):
                assert condition.func.id in ('IfCondition', 'UnlessCondition')
            elif condition is not None:
                assert condition.id in ('wanted', 'condition')
    source = path.read_text()
    for name in re.findall(r"(?:IfCondition|UnlessCondition)\(LaunchConfiguration\('(\w+)'", source):
        declaration = next(call for call in calls(path, 'DeclareLaunchArgument')
                           if call.args[0].value == name)
        assert keywords(declaration)['choices'].id == 'BOOLS'


@pytest.mark.parametrize('file, node', [('drive', 'drive'), ('simulation', 'sim')])
def test_arguments_are_parameters_of_the_node(file, node):
    known = settings(node)
    parameters = {name: kind.id for call in calls(ROOT / 'launch' / f'{file}.launch.py', 'given')
                  for name, kind in keywords(call).items()}
    assert parameters
    for name, kind in parameters.items():
        assert type(known[name].default).__name__ == kind, name


def test_choices_of_the_launch_file_are_those_of_the_node():
    known = settings('drive')
    for call in calls(ROOT / 'launch' / 'drive.launch.py', 'DeclareLaunchArgument'):
        setting = known.get(call.args[0].value)
        if setting is not None and setting.choices:
            choices = ast.literal_eval(keywords(call)['choices'])
            assert choices == ['', *setting.choices], setting.name


@pytest.mark.parametrize('file, node', [
    ('drive.yaml', 'drive'), ('sim.yaml', 'sim'), ('differential.yaml', 'drive')])
def test_parameter_files_name_parameters(file, node):
    known = settings(node)
    sections = yaml.safe_load((ROOT / 'config' / file).read_text())
    section = sections.get(f'/**/{node}') or sections.get('/**') or sections[node]
    parameters = flat(section['ros__parameters'])
    assert parameters
    for name, value in parameters.items():
        known[name].check(value)


def test_differential_turns_one_axis_off_and_leaves_the_others():
    config = ROOT / 'config'
    overlay = yaml.safe_load((config / 'differential.yaml').read_text())
    plain = yaml.safe_load((config / 'drive.yaml').read_text())
    for key in ('limits.velocity',):
        x, y, z = flat(overlay['/**/drive']['ros__parameters'])[key]
        wide = flat(next(iter(plain.values()))['ros__parameters'])[key]
        assert (x, y, z) == (wide[0], 0.0, wide[2])
    joystick = flat(overlay['/**/teleop_twist_joy_node']['ros__parameters'])
    assert joystick == {'axis_linear.y': -1, 'scale_linear.y': 0.0}


def test_joystick_goes_before_the_policy():
    topics = yaml.safe_load((ROOT / 'config' / 'twist_mux.yaml').read_text())
    topics = topics['/**']['ros__parameters']['topics']
    source = (ROOT / 'launch' / 'robot.launch.py').read_text()
    drive = (ROOT / 'launch' / 'drive.launch.py').read_text()
    assert topics['joystick']['priority'] > topics['policy']['priority']
    assert f"('cmd_vel', '{topics['joystick']['topic']}')" in source
    assert f"('cmd_vel', '{topics['policy']['topic']}' if muxed" in drive


def flat(parameters: dict, prefix: str = '') -> dict:
    """Return nested parameters by their dotted names."""
    found = {}
    for name, value in parameters.items():
        if isinstance(value, dict):
            found.update(flat(value, f'{prefix}{name}.'))
        else:
            found[prefix + name] = value
    return found
