"""What every part of the package agrees on."""

import numpy as np
import pytest

from mobile_vla_ros.contract import Command, ContractError, Plan


@pytest.mark.parametrize('shape, period_ns, message', [
    ((3,), 1, 'shape'), ((0, 3), 1, 'shape'), ((2, 2), 1, 'shape'), ((1, 3), 0, '> 0 ns'),
    ((1, 3), -5, '> 0 ns')])
def test_a_plan_that_is_none_is_refused(shape, period_ns, message):
    with pytest.raises(ContractError, match=message):
        Plan(np.zeros(shape), 0, period_ns)


def test_a_plan_skips_what_is_past():
    plan = Plan(np.arange(9, dtype=np.float32).reshape(3, 3), start_ns=1000, period_ns=100)
    assert plan.at(900) == plan.at(1099) == Command(0, 1, 2)
    assert plan.at(1100) == Command(3, 4, 5)
    assert plan.at(10 ** 9) == Command(6, 7, 8)
