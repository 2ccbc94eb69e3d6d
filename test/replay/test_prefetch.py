"""What is prepared in a thread comes in order, with its errors."""

import pytest

from mobile_vla_ros.replay.prefetch import prefetch


def test_what_is_read_ahead_keeps_order_and_errors():
    def items():
        yield from range(20)
        raise ValueError('damaged')
    got = []
    with pytest.raises(ValueError, match='damaged'):
        for item in prefetch(items()):
            got.append(item)
    assert got == list(range(20))
    ended = []

    def endless():
        try:
            while True:
                yield 1
        finally:
            ended.append(True)
    rows = prefetch(endless())
    next(rows)
    rows.close()
    assert ended, 'the thread is gone'
