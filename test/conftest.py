"""What holds for every test with real nodes."""

import pytest


def uses_harness(item) -> bool:
    """Return whether a test starts nodes by test/ros_harness.py."""
    graph = getattr(item.module, 'graph', None)
    return getattr(graph, '__module__', '') == 'ros_harness' or 'g' in item.fixturenames


def pytest_collection_modifyitems(items):
    """
    Give tests with nodes the machine for themselves, and a second try where it stalled.

    A deadline that is missed while the machine itself stands still proves nothing.
    """
    for item in filter(uses_harness, items):
        from ros_harness import stood_still
        item.add_marker(pytest.mark.alone)
        item.add_marker(pytest.mark.flaky(reruns=2, condition=stood_still))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Show what the nodes said, if their test failed."""
    report = yield
    if report.failed and uses_harness(item):
        from ros_harness import Graph
        if Graph.newest:
            report.sections.append(('nodes', str(Graph.newest)))
    return report
