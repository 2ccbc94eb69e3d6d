"""What holds for every test with real nodes."""

import contextlib
import os

import pytest

os.environ.setdefault('MUJOCO_GL', 'egl')  # before mujoco's first import: there is no display
SOAK = int(os.environ.get('MOBILE_VLA_SOAK', 1))  # trials of a fault
MEASURES = 'MOBILE_VLA_FIGURES' in os.environ  # every miss counts then

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


def uses_harness(item) -> bool:
    """Return whether a test starts nodes by test/ros_harness.py."""
    graph = getattr(item.module, 'graph', None)
    return getattr(graph, '__module__', '') == 'ros_harness' or 'g' in item.fixturenames


def pytest_collection_modifyitems(items):
    """
    Give tests with nodes the machine for themselves, and two more tries.

    They hold real nodes to real deadlines on a machine that others may use: one miss proves
    little, three do. pytest's summary counts the reruns.
    """
    for item in filter(uses_harness, items):
        item.add_marker(pytest.mark.alone)
        item.add_marker(pytest.mark.flaky(reruns=2, condition=not MEASURES))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Show what the nodes said, if their test failed."""
    report = yield
    if report.failed and uses_harness(item):
        from ros_harness import Graph
        if Graph.newest:
            report.sections.append(('nodes', str(Graph.newest)))
    return report
