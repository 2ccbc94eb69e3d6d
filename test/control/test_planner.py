"""From a frame to a plan that the guard accepts: whatever a policy does, the base stops for it."""

import numpy as np
import pytest

from mobile_vla_ros.contract import NS, Plan
from mobile_vla_ros.control.guard import Guard
from mobile_vla_ros.control.planner import Answer, Frame, Planner, submit

PICTURE = np.zeros((4, 4, 3), np.uint8)


class Counting:
    """Counts its resets; knows what it was asked last; answers with what it is given."""

    sha256 = backend = 'counting'

    def __init__(self, answer=None):
        self.answer, self.resets = answer or Plan(np.zeros((1, 3)), 0, NS), 0

    def reset(self):
        self.resets += 1

    def plan(self, rgb, instruction, stamp_ns):
        self.asked = rgb, instruction, stamp_ns
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def frame(now_ns, stamped=True):
    return Frame(PICTURE, now_ns, now_ns, stamped)


def test_the_policy_starts_anew_when_what_it_remembers_does_not_fit():
    planner, policy, other = Planner(), Counting(), Counting()

    def resets(policy, *args):
        planner.ask(policy, PICTURE, *args)
        return policy.resets
    assert [resets(policy, 'go', frame(1)), resets(policy, 'go', frame(2))] == [1, 1]
    assert resets(policy, 'stay', frame(3)) == 2
    assert resets(policy, 'stay', frame(4, stamped=False)) == 3
    assert resets(other, 'stay', frame(5, stamped=False)) == 1
    planner.forget()
    assert resets(other, 'stay', frame(6, stamped=False)) == 2


def test_an_answer_says_what_was_asked_and_what_the_policy_said():
    policy, asked = Counting(), frame(7)
    assert Planner().ask(policy, PICTURE, 'go', asked) == Answer(asked, 'go', policy.answer, '')
    assert policy.asked == (PICTURE, 'go', 7)
    assert Planner().ask(Counting(RuntimeError('boom')), PICTURE, 'go', asked) == Answer(
        asked, 'go', None, 'RuntimeError: boom')


@pytest.mark.parametrize('answer, error', [
    (RuntimeError('no such\noperator'), 'RuntimeError: no such'),
    (MemoryError(), 'MemoryError: MemoryError'),
    (7, "it returned int, not a plan (AttributeError: 'int' object has no attribute 'commands')"),
    (Plan(np.full((1, 3), np.nan), 0, NS), 'the policy gave [nan, nan, nan], wanted finite '
     'values within +-100')])
def test_whatever_a_policy_does_that_is_no_plan_is_a_failure(answer, error):
    guard = Guard()
    guard.accept_instruction('go', 0)
    assert not submit(Planner().ask(Counting(answer), PICTURE, 'go', frame(1)), guard)
    assert (guard.failures, guard.error) == (1, error)
    assert submit(Planner().ask(Counting(), PICTURE, 'go', frame(2)), guard)
    assert guard.failures == 0


def test_a_plan_for_another_instruction_is_none_and_no_failure():
    guard = Guard()
    guard.accept_instruction('go', 0)
    assert not submit(Planner().ask(Counting(), PICTURE, 'stay', frame(1)), guard)
    assert guard.failures == 0 and guard.watchdog.fed_ns is None
