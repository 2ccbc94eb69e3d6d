"""What holds for every test with real nodes."""

import pytest


def uses_harness(item) -> bool:
    """Return whether a test starts nodes by test/ros_harness.py."""
    graph = getattr(item.module, 'graph', None)
    return getattr(graph, '__module__', '') == 'ros_harness' or 'g' in item.fixturenames


def pytest_collection_modifyitems(items):
    """
    Give tests with nodes the machine for themselves, and two more tries.

    They hold real nodes to real deadlines on a machine that others may use: one miss proves
    little, three do. pytest's summary names every test that needed another try.
    """
    for item in filter(uses_harness, items):
        item.add_marker(pytest.mark.alone)
        item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Show what the nodes said, if their test failed."""
    report = yield
    if report.failed and uses_harness(item):
        from ros_harness import Graph
        if Graph.newest:
            report.sections.append(('nodes', str(Graph.newest)))
    return report
