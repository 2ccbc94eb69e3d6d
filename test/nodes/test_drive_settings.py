"""The parameters of the drive node, as far as they are plain values."""

import pytest

from mobile_vla_ros.nodes.drive_settings import turned_off


@pytest.mark.parametrize('least, greatest, velocity, said', [
    ((-0.1, -0.4, -0.3), (0.4, 0.4, 0.3), (0.5, 0.0, 1.0), 'linear_y'),
    ((-0.1, -0.4, -0.3), (0.4, 0.4, 0.3), (0.5, 0.5, 1.0), ''),
    ((0.0, 0.0, -0.9), (0.4, 0.0, 0.9), (0.5, 0.0, 1.0), ''),
    ((0.0, 0.0, -0.9), (0.4, 0.0, 0.9), (0.0, 0.0, 0.0), 'linear_x, angular_z')])
def test_a_policy_that_needs_an_axis_that_is_off_is_told(least, greatest, velocity, said):
    data = {'least_command': least, 'greatest_command': greatest}
    assert turned_off(data, velocity) == said and turned_off({}, velocity) == ''
