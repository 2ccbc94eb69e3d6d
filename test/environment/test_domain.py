"""Processes that want a ROS domain for themselves never share one, with nobody."""

import subprocess
import sys
import time

import pytest

from mobile_vla_ros.environment import domain as domains
from mobile_vla_ros.environment.domain import own_domain, has_nodes

ASK = """
import sys, time
from mobile_vla_ros.environment import domain
domain._order = iter([int(sys.argv[1]), *domain.DOMAINS])
with domain.own_domain() as mine:
    print(mine, flush=True)
    time.sleep(100)
"""


def only(monkeypatch, domain):
    """Leave one domain to choose from."""
    monkeypatch.setattr(domains, 'DOMAINS', [domain])
    monkeypatch.setattr(domains, '_order', iter([domain]))


def test_who_asks_gets_another_one_until_the_first_has_ended():
    with own_domain() as ours:
        asking = subprocess.Popen([sys.executable, '-c', ASK, str(ours)], text=True,
                                  stdout=subprocess.PIPE)
        theirs = int(asking.stdout.readline())
        with own_domain() as second:
            assert len({ours, second, theirs}) == 3
    asking.kill()
    asking.communicate()
    end = time.monotonic() + 60.0
    while (free := domains.bind(theirs, domains.UNUSED)) is None:  # a third may have it now
        assert time.monotonic() < end, f'domain {theirs} stays taken'
        time.sleep(0.1)
    free.close()


def test_a_taken_domain_is_refused_when_there_is_no_other(monkeypatch):
    with own_domain() as ours:
        only(monkeypatch, ours)
        with pytest.raises(RuntimeError, match='are in use on this machine'), own_domain():
            pass


def test_a_domain_in_which_somebody_talks_is_passed_over(monkeypatch):
    rclpy = pytest.importorskip('rclpy')
    context = rclpy.Context()
    with own_domain() as quiet:
        assert not has_nodes(quiet)
        context.init(domain_id=quiet)
        node = rclpy.create_node('a_node', context=context)
    assert has_nodes(quiet)
    only(monkeypatch, quiet)
    with pytest.raises(RuntimeError, match='are in use on this machine'), own_domain():
        pass
    node.destroy_node()
    context.shutdown()
