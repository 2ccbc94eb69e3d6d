"""Which strategy fits a base is read from its drives, and what was not learned is told."""

from types import SimpleNamespace

import numpy as np
import pytest

from mobile_vla_ros.training import advice

RNG = np.random.default_rng(0)
TURNS = np.stack([0.3 + 0.1 * RNG.normal(size=50), np.zeros(50), RNG.normal(size=50)], 1)
SLIDES = np.stack([0.3 + 0.1 * RNG.normal(size=50), RNG.normal(size=50), np.zeros(50)], 1)
BOTH = np.stack([TURNS[:, 0], SLIDES[:, 1], TURNS[:, 2]], 1)
AHEAD = np.tile([0.3, 0.0, 0.0], (50, 1))


@pytest.mark.parametrize('commands, name, why', [
    (TURNS, 'differential', 'turns and never moves sideways'), (SLIDES, 'best', 'moves sideways'),
    (BOTH, 'best', 'moves sideways'), (AHEAD, 'best', 'never turns')])
def test_the_strategy_fits_the_axes_that_move(commands, name, why):
    found, words = advice.fitting_strategy(commands)
    assert found == name and why in words


def test_a_damped_yaw_for_a_base_that_turns_is_told():
    assert 'damps turning to 0.05' in advice.misfit_warning(0.05, TURNS)
    assert 'use --strategy differential' in advice.misfit_warning(0.05, TURNS)
    assert not advice.misfit_warning(1.0, TURNS) and not advice.misfit_warning(0.05, SLIDES)


def model(*weights):
    members = [SimpleNamespace(axis_weight=np.array(weight)) for weight in weights]
    return SimpleNamespace(members=members)


def test_a_start_that_hardly_turns_is_told():
    said = advice.faint_warning(model([1.0, 1.0, -0.018]), TURNS)
    assert 'hardly moves angular_z (its weight is 0.018)' in said and '--start' in said
    assert not advice.faint_warning(model([1.0, 1.0, -0.018]), SLIDES)
    assert not advice.faint_warning(model([1.0, 1.0, 0.01], [1.0, 1.0, 0.9]), TURNS)
    assert 'linear_y' in advice.faint_warning(model([1.0, 0.0, 1.0]), SLIDES)


def test_an_axis_no_better_than_a_constant_is_told():
    said, = advice.unlearned_warnings([0.1, 0.0, 0.2], [0.3, 0.0, 0.2])
    assert said.startswith('angular_z is no better than a constant command')
    assert '0.2000 against 0.2000' in said and 'dataset doctor' in said
    said, = advice.unlearned_warnings([0.1, 0.0, 0.199], [0.3, 0.0, 0.2])
    assert said.startswith('angular_z is hardly better than a constant command')
    assert not advice.unlearned_warnings([0.1, 0.001, 0.1], [0.3, 0.001, 0.2]), \
        'still axes do not count'
