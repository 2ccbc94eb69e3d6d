"""Real launches of the installed package, with the ros2 command."""

import contextlib
import os
from pathlib import Path
import signal
import sys
import threading
import time

from support.installed import PACKAGE, prefix, sourced  # noqa: F401
import pytest

from mobile_vla_ros.environment.domain import own_domain


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


def parameters_of(listener, process, node: str, *names: str) -> list:
    """Return the values of parameters of a node that is launched."""
    from rcl_interfaces.srv import GetParameters
    client = listener.create_client(GetParameters, f'/{node}/get_parameters')
    assert client.wait_for_service(30)
    answer = client.call_async(GetParameters.Request(names=names))
    poll(answer.done, process)
    return answer.result().values


def processes(launched) -> dict[int, str]:
    """Return {process id: command line} of what still runs of a launch."""
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


IDLE = """from signal import pause, SIG_DFL, SIGINT, signal
signal(SIGINT, SIG_DFL)
pause()
"""


def robot(folder: Path) -> dict[str, str]:
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
