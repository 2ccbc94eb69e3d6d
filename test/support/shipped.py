"""The shipped checkpoints, and a picture of the simulator to show to them."""

import numpy as np
import pytest

from mobile_vla_ros.environment.share import share_file, SHIPPED

LEFT = 'pass the box on the left and stop at the red bottle'
RIGHT = 'pass the box on the right and stop at the red bottle'
each_model = pytest.mark.parametrize('model', SHIPPED)


@pytest.fixture(scope='module')
def picture():
    from mobile_vla_ros.sim.scenario import make_scenario
    from mobile_vla_ros.sim.simulator import Simulator
    sim = Simulator(320, 240)
    sim.reset(make_scenario(2_000_000))
    yield sim.render()
    sim.close()


def shipped(model):
    return share_file('checkpoints', f'{SHIPPED[model]}.onnx')


def first(policy, rgb, text):
    policy.reset()
    return np.array(policy.act(rgb, text, 0))
