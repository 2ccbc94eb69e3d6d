"""The launch files, read as text: all that they name exists. No launch is needed."""

import ast
from pathlib import Path
import re
import xml.etree.ElementTree as ElementTree

import pytest
import yaml

from mobile_vla_ros.environment.share import SHIPPED
from support.paths import ROOT

pytest.importorskip('ament_index_python', reason='needs ROS 2')
from mobile_vla_ros.launching.arguments import Argument, BOOLS, parameters, SHARED  # noqa: E402

DESCRIPTION = ROOT / 'mobile_vla_ros' / 'launching' / 'description.py'
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
    elif node == 'record':
        from mobile_vla_ros.nodes.record import SETTINGS
    elif node == 'play':
        from mobile_vla_ros.nodes.play import SETTINGS
    elif node == 'compare':
        from mobile_vla_ros.nodes.compare import SETTINGS
    else:
        from mobile_vla_ros.nodes.sim import SETTINGS
    return {setting.name: setting for setting in SETTINGS}


def calls(path: Path, name: str) -> list:
    """Return the calls of `name` in a file."""
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
            and getattr(node.func, 'id', getattr(node.func, 'attr', None)) == name]


def keywords(call: ast.Call) -> dict:
    return {keyword.arg: keyword.value for keyword in call.keywords}


def constants(nodes) -> list:
    """Return the values of those nodes that are constants."""
    return [node.value for node in nodes if isinstance(node, ast.Constant)]


def declared(path: Path) -> dict:
    """Return name: Argument, whose description and choices stand there only where shared."""
    found = {name: SHARED[name] for call in calls(path, 'arguments')
             for name in constants(call.args)}
    for call in [*calls(path, 'Argument'), *calls(path, 'switch')]:
        name, text = constants(call.args[:2])
        found[name] = Argument(name, text, choices=BOOLS if call.func.id == 'switch' else ())
    for call in calls(path, 'parameters'):
        found |= {each.arg: Argument(each.arg, each.value.value) for each in call.keywords}
    for call in calls(path, 'params_file'):
        _, text, name = [*constants(call.args), 'params_file'][:3]
        found[name] = Argument(name, text)
    return found


def test_the_launch_files_are_there():
    assert [path.name for path in FILES] == [
        'drive.launch.py', 'record.launch.py', 'replay.launch.py', 'robot.launch.py',
        'simulation.launch.py']


def listed(path: Path, node: ast.AST) -> list:
    """Return a list of constants that is written at a call, or before it under a name."""
    if isinstance(node, ast.Name):
        node = next(statement.value for statement in ast.parse(path.read_text()).body
                    if isinstance(statement, ast.Assign) and statement.targets[0].id == node.id)
    return ast.literal_eval(node)


def our_nodes(path: Path) -> dict:
    """Return executable: names of the launch arguments that are its parameters."""
    return {call.args[1].value: listed(path, keywords(call)['arguments'])
            for call in calls(path, 'our_node')}


@each_file
def test_executables_exist(path):
    ours, others = our_nodes(path), calls(path, 'other_node')
    assert ours or others
    assert set(ours) <= set(SCRIPTS)
    assert {call.args[1].value for call in others} <= DEPENDS


@each_file
def test_files_exist(path):
    for call in calls(path, 'shipped'):
        assert ROOT.joinpath(*constants(call.args)).exists(), constants(call.args)
    for call in calls(path, 'params_file'):
        assert (ROOT / 'config' / call.args[0].value).exists()
    for call in calls(DESCRIPTION, 'include'):
        assert (ROOT / 'launch' / call.args[0].value).exists()
    assert (ROOT / 'config' / 'fastdds_shm.xml').exists()


@each_file
def test_arguments_are_declared_and_used(path):
    arguments = declared(path)
    used = {call.args[1].value for function in ('is_true', 'value_of', 'topic_of')
            for call in calls(path, function) if isinstance(call.args[1], ast.Constant)}
    used |= {name for names in our_nodes(path).values() for name in names}
    used |= {call.args[4].value for call in calls(path, 'other_node')} | {'namespace'}
    used |= {'image_topic'} if calls(path, 'image_remappings') else set()
    included = set()
    if calls(path, 'robot_or_simulation'):
        used |= {'sim', 'sim_params_file'}
        for call in calls(DESCRIPTION, 'include'):
            included |= set(declared(ROOT / 'launch' / call.args[0].value))
    assert used <= set(arguments)
    assert set(arguments) - used <= included
    assert all(argument.description for argument in arguments.values())
    same = [keywords(call).get('same_as') for call in calls(path, 'switch')]
    assert {each.value for each in same if each} <= set(arguments)


@each_file
def test_what_is_true_or_false_takes_nothing_else(path):
    """Else `camera:=no` would be false without a word."""
    for call in calls(path, 'is_true'):
        assert declared(path)[call.args[1].value].choices == BOOLS, call.args[1].value
    assert SHARED['sim'].choices == BOOLS


@pytest.mark.parametrize('file, node', [
    ('drive', 'drive'), ('simulation', 'sim'), ('record', 'record'), ('replay', 'play'),
    ('replay', 'drive'), ('replay', 'compare')])
def test_arguments_are_parameters_of_the_node(file, node):
    parameters = our_nodes(ROOT / 'launch' / f'{file}.launch.py')[node]
    assert parameters
    assert set(parameters) <= set(settings(node))


@pytest.mark.parametrize('node', ['drive', 'record', 'play', 'compare', 'sim'])
def test_choices_of_a_launch_argument_are_those_of_the_parameter(node):
    known = settings(node)
    texts = {name: name for name in known if '.' not in name}
    for argument in parameters(known.values(), **texts):
        allowed = known[argument.name].choices
        assert argument.default == '' and argument.description == argument.name
        assert argument.choices == (('', *filter(None, allowed)) if allowed else ())


def test_every_label_of_an_episode_can_be_given_at_the_launch():
    pytest.importorskip('rclpy', reason='needs ROS 2')
    from mobile_vla_ros.nodes.record import LABELS
    path = ROOT / 'launch' / 'record.launch.py'
    assert {*LABELS} <= {*our_nodes(path)['record']} & {*declared(path)}


def test_every_model_that_ships_can_be_chosen():
    pytest.importorskip('torch', reason='needs torch')
    from mobile_vla_ros.models.registry import MODELS
    assert set(SHIPPED) == set(MODELS)
    model, = (call for call in calls(ROOT / 'launch' / 'drive.launch.py', 'Argument')
              if call.args[0].value == 'model')
    assert ast.unparse(keywords(model)['choices']) == "('', *SHIPPED)"
    for name in SHIPPED.values():
        assert (ROOT / 'checkpoints' / f'{name}.onnx').exists()


@pytest.mark.parametrize('file, node', [
    ('drive.yaml', 'drive'), ('sim.yaml', 'sim'), ('differential.yaml', 'drive'),
    ('record.yaml', 'record')])
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
