"""The SROS 2 policy says what the nodes do; a node that cannot be secured does not start."""

import os
import time
from xml.etree import ElementTree

import pytest

pytest.importorskip('rclpy')
from support.ros_harness import graph, refusal, wait_for  # noqa: E402
from support.paths import ROOT  # noqa: E402
from support.terminal import Terminal  # noqa: E402

POLICY = ElementTree.parse(ROOT / 'config' / 'security' / 'policies.xml')
KINDS = {('topics', 'publish'): 'publisher', ('topics', 'subscribe'): 'subscriber',
         ('services', 'reply'): 'service', ('services', 'request'): 'client'}
SOMETIMES = {  # what a node has only by a parameter, in a distribution, or with simulated time
    'drive': {'/image/compressed', '/image_annotated', '/drive/plan', '/scan', '/clock',
              '/parameter_events'},
    'sim': {'/tf', '/tf_static', '/parameter_events'},
    'record': {'/image/compressed', '/clock', '/parameter_events'},
    'teleop': {'/clock', '/parameter_events'}}


def allowed(node: str) -> dict:
    """Return kind of end -> full names that the policy allows a node."""
    (profile,) = POLICY.findall(f".//enclave[@path='/mobile_vla_ros/{node}']//profile")
    assert profile.get('node') == node and profile.get('ns') == '/'
    out = {kind: set() for kind in KINDS.values()}
    for (tag, verb), kind in KINDS.items():
        for group in profile.findall(tag):
            if group.get(verb) == 'ALLOW':
                out[kind] |= {full(child.text, node) for child in group}
    return out


def full(name: str, node: str) -> str:
    if name.startswith('~'):
        return f'/{node}/{name[1:]}'
    return name if name.startswith('/') else f'/{name}'


@pytest.mark.parametrize('node', ['drive', 'sim', 'record', 'teleop'])
def test_a_node_needs_what_the_policy_allows_and_nothing_else(node, tmp_path):
    policy = allowed(node)
    arguments = {'drive': (ROOT / 'test' / 'support' / 'faulty.py', 'good'),
                 'sim': ('-m', 'mobile_vla_ros', 'sim', '--ros-args', '-p', 'width:=64'),
                 'record': ('-m', 'mobile_vla_ros', 'record', '--ros-args', '-p',
                            f'folder:={tmp_path}')}.get(node)
    with graph() as g:
        if arguments:
            g.start(*arguments)
        else:
            Terminal(g)

        def ends():
            return {kind: {name for name, _ in getattr(
                g.node, f'get_{kind}_names_and_types_by_node')(node, '/')}
                for kind in KINDS.values()}
        wait_for(lambda: node in g.node.get_node_names(), 20.0, f'the {node} node')
        wait_for(lambda: ends()['publisher'] >= policy['publisher'] - SOMETIMES[node],
                 20.0, 'all of its publishers')
        time.sleep(0.5)
        found = ends()
    for kind, names in found.items():
        assert names <= policy[kind], f'{kind}: the policy lacks {names - policy[kind]}'
        missing = policy[kind] - names - SOMETIMES[node]
        if (node, kind) == ('sim', 'subscriber'):
            missing -= {'/odom', '/clock'}  # while it listens for another simulator
        missing -= {f'/{node}/get_type_description'}  # from Jazzy on
        assert not missing, f'{kind}: the policy allows {missing}, which nothing needs'


def test_nobody_but_drive_and_teleop_commands_the_base():
    commanding = {enclave.get('path') for enclave in POLICY.findall('.//enclave')
                  for group in enclave.findall(".//topics[@publish='ALLOW']")
                  for topic in group if topic.text in ('cmd_vel', 'cmd_vel_joy')}
    assert commanding == {'/mobile_vla_ros/drive', '/mobile_vla_ros/teleop'}


@pytest.mark.skipif(bool(os.environ.get('AMENT_PREFIX_PATH')), reason='this ROS may be secured')
def test_a_middleware_without_security_does_not_start_unprotected(tmp_path, monkeypatch):
    """
    The wheels' Fast DDS has no security plug-in, so no key of ours can be tried with it.

    Once it has one this fails: then let an unauthorised publisher try to command the base.
    """
    monkeypatch.setenv('ROS_SECURITY_ENABLE', 'true')
    monkeypatch.setenv('ROS_SECURITY_KEYSTORE', str(tmp_path))
    monkeypatch.setenv('ROS_SECURITY_STRATEGY', 'Enforce')
    (tmp_path / 'enclaves').mkdir()
    status, lines = refusal('-m', 'mobile_vla_ros', 'drive')
    said = ''.join(lines)
    assert status == 2 and 'Traceback' not in said
    assert "doesn't have the security libraries" in said
