"""What tests of the obstacle monitor share."""

import pytest


@pytest.fixture(scope='module')
def sim():
    pytest.importorskip('mujoco', reason='needs the simulator')
    from mobile_vla_ros.sim.simulator import Simulator
    simulator = Simulator(16, 16)
    yield simulator
    simulator.close()
