"""What the figures of a replay mean, in sentences."""

import pytest

from mobile_vla_ros.replay.verdict import headline, remarks, verdict

AXES = ['linear_x', 'linear_y', 'angular_z']


def summary(policy, zero=(0.2, 0.0, 0.3), mean=(0.1, 0.0, 0.15), swapped=(0.1, 0.0, 0.1),
            compared=100, lag_s=0.0, sent=(('driving', 99), ('no instruction', 1))):
    """Return a summary of one recording of a driver who never moves sideways."""
    sent = dict(sent)
    stopped = 1 - sent['driving'] / sum(sent.values())
    return {'axes': AXES, 'frames': 100, 'frames_compared': compared, 'lag_s': lag_s,
            'scores': {'policy': {'mae': policy}, 'zero': {'mae': zero}, 'mean': {'mae': mean}},
            'instruction_sensitivity': {'swapped': swapped},
            'recordings': [{'seconds': 10.0, 'sent': sent, 'stopped_share': stopped}]}


def test_where_nothing_was_sent_nothing_stood_still():
    silent = summary((0.02, 0.0, 0.02))
    silent['recordings'] = [{'seconds': 10.0, 'sent': {}, 'stopped_share': 1.0}]
    assert ('warn', 'No command was sent.') in remarks(silent)


def test_the_headline_takes_the_better_constant():
    scores = {'policy': {'mae': [0.1, 0.2, 0.0114]}, 'zero': {'mae': [0.3, 0.1, 0.0114]},
              'mean': {'mae': [0.2, 0.3, 0.015]}}
    words = headline({'axes': ['x', 'y', 'z'], 'scores': scores})
    assert 'x beats a constant (0.100 against 0.200)' in words
    assert 'y does not beat' in words and 'z does not beat' in words


@pytest.mark.parametrize('policy, level, words', [
    ((0.02, 0.0, 0.02), 'ok', 'Drives like the driver: forward error 0.02 m/s, a constant 0.1; '
     'turning error 0.02 rad/s, a constant 0.15.'),
    ((0.09, 0.0, 0.02), 'warn', 'Follows the driver, but not closely: forward error 0.09 m/s'),
    ((0.02, 0.0, 0.16), 'warn', 'Follows the driver in forward motion, but not in turning: '),
    ((0.10, 0.0, 0.15), 'bad', 'Does not drive like the driver: forward error 0.1 m/s')])
def test_the_verdict_holds_the_policy_against_a_constant(policy, level, words):
    assert verdict(summary(policy))[0] == level
    assert verdict(summary(policy))[1].startswith(words)


def test_a_driver_who_hardly_changes_the_command_proves_nothing():
    level, words = verdict(summary((0.2, 0.2, 0.2), mean=(0.01, 0.0, 0.0)))
    assert level == 'warn' and 'nothing to compare' in words


@pytest.mark.parametrize('change, level, words', [
    ({}, 'ok', 'It listens'),
    ({'swapped': (0.009, 0.0, 0.0)}, 'bad', 'It does not listen'),
    ({'policy': (0.02, 0.06, 0.02)}, 'warn',
     'It moves where the driver does not: 0.06 m/s sideways, on average.'),
    ({'compared': 60}, 'ok', '60 of 100 frames could be compared'),
    ({'compared': 6}, 'warn', '6 of 100 frames could be compared'),
    ({'sent': (('driving', 80), ('no instruction', 5), ('the policy fails', 15))}, 'warn',
     'It would have stood still for 20% of the time, mostly because: the policy fails.'),
    ({'lag_s': 0.3}, 'warn', 'Its commands come 0.30 s late')])
def test_what_else_a_reader_must_know(change, level, words):
    found = remarks(summary(**{'policy': (0.02, 0.0, 0.02), **change}))
    assert any(row[0] == level and row[1].startswith(words) for row in found)
    assert len(found) == (1 if not change or 'swapped' in change else 2)


def test_of_words_that_name_no_side_nothing_is_said():
    assert remarks(summary((0.02, 0.0, 0.02), swapped=None)) == []
