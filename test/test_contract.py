"""What every part of the package agrees on."""

import numpy as np
import pytest

from mobile_vla_ros.contract import ContractError, Plan


@pytest.mark.parametrize('shape, period_ns, message', [
    ((3,), 1, 'shape'), ((0, 3), 1, 'shape'), ((2, 2), 1, 'shape'), ((1, 3), 0, '> 0 ns'),
    ((1, 3), -5, '> 0 ns')])
def test_a_plan_that_is_none_is_refused(shape, period_ns, message):
    with pytest.raises(ContractError, match=message):
        Plan(np.zeros(shape), 0, period_ns)
