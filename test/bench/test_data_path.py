"""How the profile of the data path counts; what it measures are the product's own functions."""

from types import SimpleNamespace

import pytest

from bench.speed import stages


@pytest.fixture
def work(monkeypatch):
    """Return functions that take one another's time, in whole seconds of a clock of their own."""
    now = [0.0]
    monkeypatch.setattr(stages.time, 'perf_counter', lambda: now[0])
    monkeypatch.setattr(stages, 'SPENT', stages.Counter())

    def sleep(seconds):
        now[0] += seconds

    def read(count):
        for number in range(count):
            sleep(2)
            yield number

    def build(count):
        sleep(10)
        return [work.decode(number) for number in work.read(count)]
    work = SimpleNamespace(sleep=sleep, read=read, decode=lambda number: sleep(1) or number,
                           build=build)
    return work


def test_a_stage_is_timed_without_those_within_it(work):
    stages.watch([(work, 'build', 'build'), (work, 'decode', 'decode'), (work, 'read', 'read')])

    def call():
        work.sleep(5)
        assert work.build(3) == [0, 1, 2], 'what is watched does as it did'
    found, = stages.fastest(call, before=lambda: work.sleep(100), repeats=2)
    assert found == {'build': 10, 'decode': 3, 'read': 6, stages.REST: 5}
    assert list(found)[-1] == stages.REST


def test_a_stage_within_its_own_counts_once(work):
    stages.watch([(work, 'build', 'pairing'), (work, 'read', 'pairing')])
    found, = stages.fastest(lambda: work.build(3), repeats=1)
    assert found == {'pairing': 10 + 6 + 3, stages.REST: 0}


def test_calls_in_turn_are_counted_each_for_itself(work):
    took = iter([4, 1, 3, 2])
    assert [spent.total() for spent in stages.fastest(
        lambda: work.sleep(next(took)), lambda: work.sleep(next(took)), repeats=2)] == [3, 1]
