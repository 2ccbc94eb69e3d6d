"""Parameters: what is checked, what is said, and that the shipped files say the same."""

import math

from hypothesis import given, strategies as st
import pytest
import yaml

pytest.importorskip('rclpy', reason='needs ROS 2')
from mobile_vla_ros.nodes.drive_settings import make_limits, SETTINGS  # noqa: E402
from mobile_vla_ros.nodes.parameters import Setting  # noqa: E402
from mobile_vla_ros.nodes.sim import SETTINGS as SIM_SETTINGS  # noqa: E402
from support.paths import ROOT  # noqa: E402

CONFIG = ROOT / 'config'
ALL = SETTINGS + SIM_SETTINGS


@pytest.mark.parametrize('default, span, good, bad, words', [
    (1.0, (0.5, 2.0), (0.5, 2, 1.5), (0.4, 2.1, math.nan, math.inf, True, '1', None, [1.0]),
     'must be a number within 0.5..2, got'),
    (3, (0, 9), (0, 9), (-1, 10, 1.0, True, '1'), 'must be a whole number within 0..9, got'),
    (False, (), (True, False), (0, 1, 'true', None), 'must be true or false, got'),
    ('', (), ('', 'x'), (1, None, True), 'must be text, got'),
    ((1.0, 2.0), (0.0, 3.0), ([0, 3], (1.5, 2.5)), ([1.0], [1, 2, 3], [1, 4], 'ab', [1, '2'], 1.0,
                                                    [math.nan, 1.0]),
     'must be a list of 2 numbers within 0..3, got'),
])
def test_values_are_checked_and_named(default, span, good, bad, words):
    setting = Setting('thing', default, 'words', *span)
    for value in good:
        assert type(setting.check(value)) is type(default)
    for value in bad:
        with pytest.raises(ValueError, match=f'parameter thing {words}'):
            setting.check(value)


def test_choices_are_named():
    with pytest.raises(ValueError, match="backend must be one of a, b, got 'c'"):
        Setting('backend', 'a', '', choices=('a', 'b')).check('c')


values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                      lambda inner: st.lists(inner, max_size=4), max_leaves=4)


@given(st.sampled_from(ALL), values)
def test_any_value_is_taken_in_its_type_or_refused_in_one_line(setting, value):
    try:
        taken = setting.check(value)
    except ValueError as error:
        assert len(str(error)) < 600 and '\n' not in str(error)
        assert setting.name in str(error)
        return
    assert type(taken) is type(setting.default)
    assert setting.check(taken) == taken


@pytest.mark.parametrize('setting', ALL, ids=lambda setting: setting.name)
def test_every_parameter_is_described_and_takes_its_default(setting):
    descriptor = setting.descriptor()
    assert descriptor.description == setting.description and len(setting.description) > 10
    assert descriptor.additional_constraints
    assert setting.check(setting.default) == setting.default


def test_the_default_limits_fit():
    make_limits({setting.name: setting.default for setting in SETTINGS})


def flatten(tree, prefix=''):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flatten(value, f'{prefix}{name}.')
        else:
            yield prefix + name, tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize('name, settings', [('drive', SETTINGS), ('sim', SIM_SETTINGS)])
def test_the_shipped_file_has_every_default(name, settings):
    written = yaml.safe_load((CONFIG / f'{name}.yaml').read_text())['/**']['ros__parameters']
    assert dict(flatten(written)) == {setting.name: setting.default for setting in settings}
