"""Limits for the user's own CI."""

import pytest

from mobile_vla_ros.evaluate.gate import failures, read_spec

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
    ('rates.side_obeyed.rate: {min: 0.1}', ['rates.side_obeyed.rate was not measured'])])
def test_every_limit_is_checked(tmp_path, text, failed):
    assert failures(RESULT, spec(tmp_path, text)) == failed


@pytest.mark.parametrize('text, message', [
    ('', 'needs lines'), ('a: [', 'not YAML'), ('a: 3', 'is not understood'),
    ('a: {least: 3}', 'below, max, min, times'), ('a: {min: high}', 'must be a number'),
    ('a: {below: 3}', 'must be a path')])
def test_a_bad_specification_is_explained(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        spec(tmp_path, text)


@pytest.mark.parametrize('name', ['rates.fame', 'scores.policy.mae.linear_z', 'rates.success',
                                  'rates.success.low.more'])
def test_a_path_that_is_not_there_is_named(tmp_path, name):
    with pytest.raises(ValueError, match=name):
        failures(RESULT, spec(tmp_path, f'{name}: {{min: 0}}'))
