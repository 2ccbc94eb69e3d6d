"""Launch files: everywhere, that all they name exists; where launch_ros is, real launches."""

import ast
import contextlib
import json
import os
from pathlib import Path
import re
import signal
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree

from support.installed import PACKAGE, prefix, sourced  # noqa: F401
import pytest
import yaml

from mobile_vla_ros.environment.domain import own_domain
from mobile_vla_ros.environment.share import SHIPPED
from support.paths import ROOT

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


def names(path: Path, call: str) -> set:
    """Return the constant first arguments of the calls of `call`."""
    return {found.args[0].value for found in calls(path, call)
            if isinstance(found.args[0], ast.Constant)}


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
    return {call.args[1].value: listed(path, call.args[4]) for call in calls(path, 'our_node')}


@each_file
def test_executables_exist(path):
    ours, others = our_nodes(path), calls(path, 'other_node')
    assert ours or others
    assert set(ours) <= set(SCRIPTS)
    assert {call.args[1].value for call in others} <= DEPENDS


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
    used |= {call.args[1].value for function in ('is_true', 'value_of', 'topic')
             for call in calls(path, function) if isinstance(call.args[1], ast.Constant)}
    used |= {name for arguments in our_nodes(path).values() for name in arguments}
    used |= {call.args[4].value for call in calls(path, 'other_node')} | {'namespace'}
    used |= {'image_topic'} if calls(path, 'image_rules') else set()
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
    for call in calls(path, 'include'):
        assert call.args[1].func.id in ('IfCondition', 'UnlessCondition')
        assert call.args[1].args[0].id == 'sim'
    for name in ('sim', *(call.args[1].value for call in calls(path, 'is_true'))):
        for declaration in calls(path, 'DeclareLaunchArgument'):
            if declaration.args[0].value == name:
                assert keywords(declaration)['choices'].id == 'BOOLS'


@pytest.mark.parametrize('file, node', [
    ('drive', 'drive'), ('simulation', 'sim'), ('record', 'record'), ('replay', 'play'),
    ('replay', 'drive'), ('replay', 'compare')])
def test_arguments_are_parameters_of_the_node(file, node):
    parameters = our_nodes(ROOT / 'launch' / f'{file}.launch.py')[node]
    assert parameters
    assert set(parameters) <= set(settings(node))


@pytest.mark.parametrize('node', ['drive', 'record'])
def test_choices_of_the_launch_file_are_those_of_the_node(node):
    known = settings(node)
    for call in calls(ROOT / 'launch' / f'{node}.launch.py', 'DeclareLaunchArgument'):
        setting = known.get(call.args[0].value)
        if setting is not None and setting.choices:
            choices = ast.literal_eval(keywords(call)['choices'])
            assert choices == ['', *filter(None, setting.choices)], setting.name


def test_every_label_of_an_episode_can_be_given_at_the_launch():
    pytest.importorskip('rclpy', reason='needs ROS 2')
    from mobile_vla_ros.nodes.record import LABELS
    path = ROOT / 'launch' / 'record.launch.py'
    assert {*LABELS} <= {*our_nodes(path)['record']} & names(path, 'DeclareLaunchArgument')


def test_every_model_that_ships_can_be_chosen():
    pytest.importorskip('torch', reason='needs torch')
    from mobile_vla_ros.models.registry import MODELS
    assert set(SHIPPED) == set(MODELS)
    model, = (call for call in calls(ROOT / 'launch' / 'drive.launch.py', 'DeclareLaunchArgument')
              if call.args[0].value == 'model')
    assert ast.unparse(keywords(model)['choices']) == "['', *SHIPPED]"
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


# -- real launches, where launch_ros and the ros2 command are


@pytest.fixture
def domain():
    """Return a domain that nobody else is in."""
    with own_domain() as own:
        yield own


@pytest.fixture(scope='session')
def launch_ros():
    """Skip where launch_ros is not, before anything is built for it."""
    pytest.importorskip('launch_ros', reason='needs launch_ros')


@pytest.fixture
def launch(launch_ros, prefix, domain):
    """Return start(file, *arguments): `ros2 launch` of the installed package in the domain."""
    started = []

    def start(file: str, *arguments: str, **more: str):
        environment = {**os.environ, 'ROS_DOMAIN_ID': str(domain), 'PYTHONUNBUFFERED': '1',
                       'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', **more}
        process = sourced(prefix, 'ros2', 'launch', PACKAGE, file, *arguments, env=environment,
                          start_new_session=True)
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its nodes too
        process.wait()


def ended(process) -> str:
    """Return the output of a launch that ends by itself."""
    output, _ = process.communicate()
    return output


@pytest.fixture
def listener(launch, domain):
    """Return a node in the domain of the launches."""
    rclpy = pytest.importorskip('rclpy')
    context = rclpy.Context()
    context.init(domain_id=domain)
    node = rclpy.create_node('listener', context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    ending = threading.Event()

    def spin():
        while not ending.is_set():
            executor.spin_once(timeout_sec=0.05)
    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    yield node
    ending.set()
    thread.join()
    executor.shutdown()
    node.destroy_node()
    context.shutdown()


def poll(condition, process, seconds: float = 60.0):
    """Wait for a condition while the launch runs."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < end, f'not within {seconds} s'
        time.sleep(0.02)


def test_the_simulated_robot_drives(launch, listener):
    from geometry_msgs.msg import Twist
    from nav_msgs.msg import Odometry
    twists, poses = [], []
    listener.create_subscription(Twist, 'a/cmd_vel', twists.append, 10)
    listener.create_subscription(Odometry, 'a/odom', poses.append, 10)
    process = launch('drive.launch.py', 'sim:=true', 'namespace:=a')
    poll(lambda: any(twist.linear.x > 0.05 for twist in twists), process)
    poll(lambda: any(pose.pose.pose.position.x - poses[0].pose.pose.position.x > 0.1
                     for pose in poses), process)
    process.send_signal(signal.SIGINT)
    output = ended(process)
    assert twists[-1] == Twist()
    assert 'Traceback' not in output and 'has died' not in output, output


def test_the_simulated_robot_is_recorded(launch, listener, tmp_path):
    from std_srvs.srv import Trigger
    process = launch('record.launch.py', 'sim:=true', f'folder:={tmp_path}',
                     'instruction:=go left')
    for name in ('start', 'keep'):
        client = listener.create_client(Trigger, f'/record/{name}')
        assert client.wait_for_service(30)
        answer = client.call_async(Trigger.Request())
        poll(answer.done, process)
        assert answer.result().success, answer.result().message
        time.sleep(1.0)
    folder, = tmp_path.iterdir()
    assert 'go left' in (folder / 'metadata.yaml').read_text()


def test_a_bag_is_driven_and_reported(launch, listener, tmp_path):
    pytest.importorskip('rosbags')
    from support.bags import write
    from geometry_msgs.msg import TwistStamped
    heard, robot = [], []
    listener.create_subscription(TwistStamped, 'a/replay/cmd_vel', heard.append, 10)
    for topic in ('cmd_vel', 'a/cmd_vel'):
        listener.create_subscription(TwistStamped, topic, robot.append, 10)
    write(tmp_path / 'bag', seconds=4.0, compressed=True)
    report = tmp_path / 'report.json'
    output = ended(launch('replay.launch.py', 'namespace:=a', f'bag:={tmp_path / "bag"}',
                          f'json:={report}', f'html:={tmp_path / "report.html"}'))
    assert report.exists(), output
    online = json.loads(report.read_text())['online']
    assert online['planned'] > 30 and online['largest_difference'] <= 1e-6, output
    assert heard and not robot, "the robot's own topic stays silent"
    assert (tmp_path / 'report.html').exists()
    assert 'has no end' in ended(launch('replay.launch.py', 'bag:=x', 'json:=y', 'loop:=true'))
    assert 'no bag at' in ended(launch('replay.launch.py', 'bag:=nowhere'))


def test_a_robot_starts_disarmed_with_one_publisher_a_topic(launch, listener):
    from rcl_interfaces.srv import GetParameters
    process = launch('drive.launch.py', 'camera:=false', 'joy:=false', 'twist_mux:=false',
                     'instruction:=1', 'base:=differential', 'stamped:=true', 'rate:=10')
    poll(lambda: listener.get_publishers_info_by_topic('/cmd_vel'), process)
    publisher, = listener.get_publishers_info_by_topic('/cmd_vel')
    assert publisher.topic_type == 'geometry_msgs/msg/TwistStamped'
    client = listener.create_client(GetParameters, '/drive/get_parameters')
    assert client.wait_for_service(10)
    answer = client.call_async(GetParameters.Request(names=[
        'armed', 'use_sim_time', 'instruction', 'limits.velocity', 'rate']))
    poll(answer.done, process)
    armed, use_sim_time, instruction, velocity, rate = answer.result().values
    assert (armed.bool_value, use_sim_time.bool_value) == (False, False)
    assert instruction.string_value == '1'
    assert list(velocity.double_array_value) == [0.5, 0.0, 1.0]
    assert rate.double_value == 10.0


@pytest.mark.parametrize('arguments, words', [
    ((), "package 'v4l2_camera' not found"),
    (('camera:=false',), "package 'twist_mux' not found"),
    (('camera:=false', 'twist_mux:=false', 'joy:=true'), 'joy:=true needs twist_mux:=true'),
    (('base:=tricycle',), 'holonomic'),
    (('camera:=no',), 'true'),
])
def test_what_cannot_start_says_why(launch, arguments, words):
    installed = {name for name in ('v4l2_camera', 'twist_mux') if name in words}
    from ament_index_python.packages import get_packages_with_prefixes
    if installed & set(get_packages_with_prefixes()):
        pytest.skip(f'{installed} is installed here')
    assert words in ended(launch('robot.launch.py', *arguments))


def test_a_model_that_ships_drives(launch, listener):
    from rcl_interfaces.srv import GetParameters
    process = launch('drive.launch.py', 'sim:=true', 'model:=advanced')
    client = listener.create_client(GetParameters, '/drive/get_parameters')
    assert client.wait_for_service(30)
    answer = client.call_async(GetParameters.Request(names=['checkpoint']))
    poll(answer.done, process)
    checkpoint, = answer.result().values
    assert checkpoint.string_value.endswith('mobile_vla_ros/checkpoints/advanced.onnx')
    process.send_signal(signal.SIGINT)
    assert 'Traceback' not in ended(process)
    assert 'not both' in ended(launch('drive.launch.py', 'sim:=true', 'model:=hybrid',
                                      'checkpoint:=x.onnx'))
    assert 'final_fixed' in ended(launch('drive.launch.py', 'model:=default'))


def processes(launched) -> list:
    """Return the command lines of the processes of a launch that still run, by their pid."""
    found = {}
    for folder in Path('/proc').glob('[0-9]*'):
        with contextlib.suppress(OSError):
            state, _, _, session = (folder / 'stat').read_text().rpartition(')')[2].split()[:4]
            if int(session) == launched.pid and state != 'Z':
                found[int(folder.name)] = (folder / 'cmdline').read_text().replace('\0', ' ')
    return found


def gone(launched, seconds: float = 2.0):
    """Wait until no process of a launch is left, fault row 34."""
    launched.wait(30)
    end = time.monotonic() + seconds
    while processes(launched):
        assert time.monotonic() < end, processes(launched)
        time.sleep(0.02)


REFUSED = {
    'rate:=fast': "rate:= must be a number within 1..200, got 'fast'",
    'seed:=1.5': 'seed:= must be a whole number within 0..2147483647',
    'instructon:=left': 'unknown argument instructon:=; did you mean instruction?',
    'video_devise:=x': 'did you mean video_device?',
    'params_file:=/nowhere.yaml': "there is no parameter file '/nowhere.yaml'",
    'params_file:=RECORD': 'has nothing for node /drive: it is for /record',
    'sim_params_file:=MISSPELT': "unknown parameter 'seeds': did you mean seed?",
    'params_file:=CONTRADICTS': 'limits.deceleration',
    'checkpoint:=nowhere.onnx': "must name a policy file, got 'nowhere.onnx'",
    'namespace:=9': "namespace:= must be a namespace, got '/9'",
    'image_topic:=a b': "image_topic:= must be the name of a topic, got 'a b'",
}
FILES_REFUSED = {
    'RECORD': 'record:\n  ros__parameters:\n    folder: x\n',
    'MISSPELT': '/**:\n  ros__parameters:\n    seeds: 1\n',
    'CONTRADICTS': '/**/drive:\n  ros__parameters:\n    limits.deceleration: [0.1, 2.0, 4.0]\n',
}


def test_34_a_launch_that_refuses_says_why_in_one_line_and_leaves_nothing(launch, tmp_path):
    for name, text in FILES_REFUSED.items():
        (tmp_path / name).write_text(text)
    starts = []
    for argument in REFUSED:
        name, _, value = argument.partition(':=')
        value = str(tmp_path / value) if value in FILES_REFUSED else value
        starts.append(launch('drive.launch.py', 'sim:=true', f'{name}:={value}'))
    for launched, words in zip(starts, REFUSED.values()):
        output = ended(launched)
        gone(launched)
        errors = [line for line in output.splitlines() if 'ERROR' in line]
        assert len(errors) == 1 and words in errors[0], output
        assert launched.returncode == 1 and 'process started' not in output, output


IDLE = """from signal import pause, SIG_DFL, SIGINT, signal
signal(SIGINT, SIG_DFL)
pause()
"""


def robot(folder: Path) -> dict:
    """Write stand-ins for what a robot's launch starts; return the environment that has them."""
    camera = '''import rclpy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
rclpy.init()
node = rclpy.create_node('unnamed')
topics = [node.create_publisher(kind, name, 1) for kind, name in (
    (Image, 'image_raw'), (CompressedImage, 'image_raw/compressed'), (CameraInfo, 'camera_info'))]
rclpy.spin(node)
'''
    for package, executable in (('v4l2_camera', 'v4l2_camera_node'), ('twist_mux', 'twist_mux'),
                                ('joy', 'joy_node'), ('teleop_twist_joy', 'teleop_node')):
        (folder / 'share/ament_index/resource_index/packages').mkdir(parents=True, exist_ok=True)
        (folder / 'share/ament_index/resource_index/packages' / package).touch()
        path = folder / 'lib' / package / executable
        path.parent.mkdir(parents=True)
        path.write_text(f'#!{sys.executable}\n{camera}' if package == 'v4l2_camera'
                        else f'#!{sys.executable} -IS\n{IDLE}')
        path.chmod(0o755)
    return {'AMENT_PREFIX_PATH': f'{folder}:{os.environ["AMENT_PREFIX_PATH"]}'}


@pytest.mark.parametrize('dies', ['camera', 'joy_node', 'drive', 'record', 'sim'])
def test_34_a_node_that_dies_takes_the_others_with_it(launch, tmp_path, dies):
    file = 'record.launch.py' if dies == 'record' else 'drive.launch.py'
    launched = launch(file, f'sim:={"true" if dies == "sim" else "false"}', f'namespace:={dies}',
                      **robot(tmp_path))
    number = 2 if dies == 'sim' else 5

    def started():
        return [pid for pid, words in processes(launched).items() if '--ros-args' in words]
    poll(lambda: len(started()) == number, launched, 20.0)
    victim, = (pid for pid in started() if f'__node:={dies} ' in processes(launched)[pid])
    os.kill(victim, signal.SIGKILL)
    gone(launched)
    output = ended(launched)
    ours = f'the {dies} node' if dies in SCRIPTS else dies
    assert f'{ours} was killed by signal 9: everything else ends too' in output, output
    assert launched.returncode == 1


@pytest.mark.parametrize('given, full', [('front/raw', '/front/raw'), ('/raw', '/raw')])
def test_an_image_takes_its_transports_along(launch, listener, tmp_path, given, full):
    launched = launch('drive.launch.py', f'image_topic:={given}', 'image_transport:=compressed',
                      **robot(tmp_path))
    poll(lambda: listener.count_publishers(f'{full}/compressed') == 1
         and listener.count_subscribers(f'{full}/compressed') == 1, launched)
    assert listener.count_publishers(full) == 1
    assert listener.count_publishers(full.rpartition('/')[0] + '/camera_info') == 1


@pytest.mark.parametrize('text', ['20261128', '1e3', 'a\\b [a,  b]: # 😀 \u200d'])
def test_text_arrives_as_text(launch, listener, text):
    from rcl_interfaces.srv import GetParameters
    launched = launch('simulation.launch.py', f'instruction:={text}')
    client = listener.create_client(GetParameters, '/sim/get_parameters')
    assert client.wait_for_service(30)
    answer = client.call_async(GetParameters.Request(names=['instruction']))
    poll(answer.done, launched)
    assert answer.result().values[0].string_value == text


def test_the_simulators_file_says_the_task_unless_the_launch_does(launch, listener, tmp_path):
    from rcl_interfaces.srv import GetParameters
    (tmp_path / 'sim.yaml').write_text('sim:\n  ros__parameters:\n    seed: 2000007\n')
    launched = launch('drive.launch.py', 'sim:=true', f'sim_params_file:={tmp_path / "sim.yaml"}')
    client = listener.create_client(GetParameters, '/sim/get_parameters')
    assert client.wait_for_service(30)
    answer = client.call_async(GetParameters.Request(names=['seed']))
    poll(answer.done, launched)
    assert answer.result().values[0].integer_value == 2000007
