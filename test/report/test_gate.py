"""Limits for the user's own CI."""

import pytest

from mobile_vla_ros.report.gate import failures, read_spec

RESULT = {'rates': {'success': {'rate': 0.9, 'low': 0.85}, 'side_obeyed': {'rate': None}},
          'scores': {'policy': {'mae': [0.1, 0.2, 0.0]}, 'mean': {'mae': [0.3, 0.3, 0.0]}},
          'parts': {'frames 0.1 s late': {'success': {'rate': 0.5}}},
          'driving': {'change of command (m/s per s)': {'median': 0.4}}}


def spec(tmp_path, text):
    path = tmp_path / 'spec.yaml'
    path.write_text(text)
    return read_spec(path)


@pytest.mark.parametrize('text, failed', [
    ('rates.success.low: {min: 0.85}', []),
    ('rates.success.low: {min: 0.86}', ['rates.success.low is 0.85, min is 0.86']),
    ('scores.policy.mae.linear_y: {max: 0.1}', [
        'scores.policy.mae.linear_y is 0.2, max is 0.1']),
    ('scores.policy.mae.linear_x: {below: scores.mean.mae.linear_x, times: 0.5}', []),
    ('scores.policy.mae.linear_y: {below: scores.mean.mae.linear_y, times: 0.5}', [
        'scores.policy.mae.linear_y is 0.2, max is 0.15']),
    ('parts.frames 0.1 s late.success.rate: {min: 0.9}', [
        'parts.frames 0.1 s late.success.rate is 0.5, min is 0.9']),
    ('driving.change of command (m/s per s).median: {max: 1}', []),
    ('rates.side_obeyed.rate: {min: 0.1}', ['rates.side_obeyed.rate was not measured']),
    ('rates.success.low: {max: 0.85}', []), ('rates.success.low: {min: 0.8, max: 0.84}', [
        'rates.success.low is 0.85, max is 0.84']),
    ('scores.policy.mae.linear_x: {below: scores.mean.mae.linear_x}', []),
    ('scores.mean.mae.linear_x: {below: scores.policy.mae.linear_x}', [
        'scores.mean.mae.linear_x is 0.3, max is 0.1']),
    ('scores.policy.mae.angular_z: {below: scores.mean.mae.angular_z}', []),
    ('rates.side_obeyed.rate: {min: 0}\nrates.success.rate: {below: rates.side_obeyed.rate}\n'
     'rates.success.low: {min: 0.9}', [
         'rates.side_obeyed.rate was not measured', 'rates.side_obeyed.rate was not measured',
         'rates.success.low is 0.85, min is 0.9'])])
def test_every_limit_is_checked(tmp_path, text, failed):
    assert failures(RESULT, spec(tmp_path, text)) == failed


@pytest.mark.parametrize('text, message', [
    ('', r'spec.yaml: a gate needs lines such as `rates.success.low: \{min: 0.8\}`, got'),
    ('a: [', 'not YAML'),
    ('a: 3', r'spec.yaml: a: 3 is not understood; it takes below, max, min, times$'),
    ('a: {least: 3}', 'below, max, min, times$'), ('a: {}', r': a: \{\} is not understood'),
    ('a: {times: 2}', 'is not understood'), ('a: {max: true}', 'a: max True must be a number$'),
    ('a: {min: high}', "spec.yaml: a: min 'high' must be a number$"),
    ('a: {below: 3}', 'a: below 3 must be a path$')])
def test_a_bad_specification_is_explained(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        spec(tmp_path, text)


@pytest.mark.parametrize('name, message', [
    ('rates.fame', "the result has no rates.fame: at 'fame' there is success, side_obeyed"),
    ('scores.policy.mae.linear_z',
     "at 'linear_z' there is linear_x, linear_y, angular_z"),
    ('rates.success', 'rates.success is not a number in the result'),
    ('rates.success.low.more',
     "the result has no rates.success.low.more: at 'more' there is a value"),
    ('driving.change', "at 'change' there is change of command .m/s per s."),
    ('parts.frames 0.2 s late.success', "at 'frames 0' there is frames 0.1 s late")])
def test_a_path_that_is_not_there_is_named(tmp_path, name, message):
    with pytest.raises(ValueError, match=f'{message}$'):
        failures(RESULT, spec(tmp_path, f'{name}: {{min: 0}}'))


def test_the_longest_name_is_meant_where_several_are_there(tmp_path):
    result = {'a': {'b': 1, 'b.c': {'d': 2}}}
    assert failures(result, spec(tmp_path, 'a.b.c.d: {min: 2}')) == []
