"""What recordings show together is counted once each."""

import numpy as np
import pytest

pytest.importorskip('rosbags')
from support.checkups import healthy, labelled, several  # noqa: E402

from mobile_vla_ros.data.balance import balance, histograms  # noqa: E402


def test_what_is_counted_is_recordings():
    found = [*labelled('scenario', 3, 1), *labelled('distance', 2), healthy('x')]
    told = balance(found)
    assert told['scenarios'] == {'a': 3, 'b': 1} and told['distances'] == {'a': 2}
    assert told['instructions'] == {'go left to the red bottle': 4,
                                    'go right to the red bottle': 3}


def test_histograms_hold_every_command():
    found = several()
    for axis, column in zip(('linear_x', 'linear_y', 'angular_z'), range(3)):
        values = np.concatenate([checkup.commands[:, column] for checkup in found])
        told = histograms(found)[axis]
        assert sum(told['counts']) == len(values) and len(told['edges']) == 42
        assert (told['edges'][0], told['edges'][-1]) == pytest.approx((values.min(), values.max()))
        middle = (values > told['edges'][20]) & (values < told['edges'][21])
        assert told['counts'][20] == middle.sum()
    for commands in (np.zeros((0, 3)), np.full((5, 3), 0.3), np.full((5, 3), 0.3) + [[1e-17]] * 5,
                     np.array([[0.3] * 3, [0.1 + 0.2] * 3])):
        told = histograms([healthy(commands=commands)])
        assert [sum(row['counts']) for row in told.values()] == [len(commands)] * 3
