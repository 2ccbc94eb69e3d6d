"""Two simulators on one graph: the later one refuses to start, or ends."""

import time

import pytest

pytest.importorskip('mujoco', reason='needs the simulator')

from support.ros_harness import graph, wait_for  # noqa: E402, I100
from support.simulated import Listener, SIM, sim  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402, I100

from mobile_vla_ros import messages  # noqa: E402


def test_a_second_simulator_refuses_and_the_first_goes_on():
    with graph() as g:
        listener = Listener(g)
        first = sim(g, width=64, height=48)
        listener.wait('odom', 5)
        second = sim(g, width=64, height=48)
        assert second.wait(20.0) == 1
        said, = second.lines
        assert 'not started: ' in said and ' publishes /' in said and 'stop it' in said
        elsewhere = g.start(*SIM[:-1], '--ros-args', '-r', '__ns:=/other', '-p', 'width:=64')
        assert elsewhere.wait(20.0) == 1
        assert 'publishes /clock already: stop it, or set clock:=false' in elsewhere.lines[0]
        without = g.start(*SIM[:-1], '--ros-args', '-r', '__ns:=/other', '-p', 'clock:=false')
        wait_for(lambda: any('scene 2000000' in line for line in without.lines), 20.0, 'a scene')
        listener.wait('odom', 50)
        assert first.child.poll() is None and without.child.poll() is None
        assert not [line for line in first.lines if 'ERROR' in line or 'FATAL' in line]


def test_a_simulator_that_was_killed_does_not_keep_another_from_starting():
    with graph() as g:
        listener = Listener(g)
        first = sim(g, width=64, height=48)
        listener.wait('odom', 5)
        first.kill()
        second = sim(g, width=64, height=48)
        wait_for(lambda: second.lines, 20.0, 'a word')
        listener.wait('odom', 100)
        assert 'scene 2000000' in second.lines[0] and second.child.poll() is None


def test_a_clock_that_comes_later_and_stays_ends_the_simulator():
    with graph() as g:
        listener = Listener(g)
        process = sim(g, width=64, height=48)
        listener.wait('odom', 5)
        clock = g.node.create_publisher(Clock, '/clock', 10)

        def tick():
            clock.publish(Clock(clock=messages.to_stamp(5)))
            time.sleep(0.02)
            return process.child.poll() is not None
        wait_for(tick, 10.0, 'the end')
        assert process.wait(5.0) == 1
        assert 'ended: /tester publishes /clock already' in process.lines[-1], process.lines
