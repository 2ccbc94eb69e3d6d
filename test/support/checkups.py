"""Checkups of driving without a fault, or with one."""

import numpy as np

from mobile_vla_ros.data.checkup import Checkup


def healthy(name='a', side='left', **change):
    """Return a checkup of driving without a fault, but for `change`."""
    rng = np.random.default_rng(len(name))
    found = Checkup(name, 30.0, 300, frame_hz=10.0, command_hz=20.0, lag_s=0.03,
                    exposure=[120.0], commands=rng.normal(0, 0.2, (600, 3)),
                    instructions=[f'go {side} to the red bottle'])
    for key, value in change.items():
        setattr(found, key, value)
    return found


def several(**change):
    """Return eight checkups, the first with `change`."""
    return [healthy('x', **change), *(healthy(f'n{i}', ('left', 'right')[i % 2])
                                      for i in range(7))]


def labelled(label, *counts):
    """Return checkups of which so many have the label's values a, b and so on."""
    values = [value for value, count in zip('abcdef', counts) for _ in range(count)]
    return [healthy(f'n{i}', ('left', 'right')[i % 2], **{label: value})
            for i, value in enumerate(values)]
