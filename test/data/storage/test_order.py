"""Messages keep the order in which they came, whatever a clock did."""

import numpy as np
import pytest

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.data.segments import segments
from support.bags import START
from support.drives import COUNT, DRIVEN, put, put_mcap, read, rows, turns


def moved(messages, after, by_ns):
    """Set the clock by `by_ns` from the message with this number on."""
    for number, (topic, ns, msg) in enumerate(messages):
        if number >= after:
            ns += by_ns
            if hasattr(msg, 'header'):
                stamp = msg.header.stamp.sec * NS + msg.header.stamp.nanosec + by_ns
                msg.header.stamp.sec, msg.header.stamp.nanosec = divmod(stamp, NS)
        yield topic, ns, msg


def pairs(found):
    """Return for every picture of what training sees the number of the command beside it."""
    return [(image, round(100 * command.angular_z)) for part in segments(
        found.events, lambda msg: int(msg.data[-3]), 0.0) for image, command in zip(
            part.images, part.commands)]


@pytest.mark.parametrize('kind', ['mcap', 'db3', 'parts'])
@pytest.mark.parametrize('by_s, after, words', [
    (-3.0, 13, 'the clock goes back by 2.9'), (-0.55, 13, 'the clock goes back by 0.'),
    (-86400 * 9.0, 14, 'the clock goes back by 9.0 days'), (3600.0, 13, 'comes for 3600'),
    (86400.0 * 30, 14, 'comes for 30.0 days'), (-1.7e9, 13, 'goes back by 19675.9 days')])
def test_where_a_clock_is_set_it_is_cut_and_told(tmp_path, kind, by_s, after, words):
    messages = [(topic, ns, msg) for topic, ns, msg in moved(rows(), after, round(by_s * NS))]
    for number, (topic, _, msg) in enumerate(messages):
        if topic == '/image':  # each says its number behind its end
            msg.data = np.append(msg.data, np.array([(number - 1) // 2, 255, 217], np.uint8))
    path = tmp_path / 'a'
    if kind == 'parts':
        path.mkdir()
        put_mcap(path / 'a_0.mcap', messages[:after])
        put_mcap(path / 'a_1.mcap', messages[after:])
    elif kind == 'mcap':
        put_mcap(path, messages)
    else:
        put(path, messages)
    found = read(path)
    assert found.reading.read == DRIVEN
    cut, = found.reading.words()
    assert words in cut and 's after the start' in cut
    events = [event for event in found.events if event.kind != 'cut']
    times = [event.received_ns for event in events]
    assert times == sorted(times) and found.seconds < 4.0
    assert turns(found) == list(range(COUNT)), 'in the order in which they came'
    stamps = [event.stamp_ns for event in events if event.kind == 'image']
    assert stamps == sorted(stamps)
    told = pairs(found)
    assert len(told) >= COUNT - 1 and all(image == command for image, command in told)


def test_times_from_zero_on_are_times(tmp_path):
    found = read(put_mcap(tmp_path / 'a.mcap', [
        (topic, 0 if topic == '/instruction' else ns, msg) for topic, ns, msg in rows()]))
    assert found.reading.read == DRIVEN and 'comes for 19675.9 days' in found.reading.words()[0]
    assert found.seconds < 4.0 and found.events[0].received_ns == 0
    found = read(put_mcap(tmp_path / 'b.mcap', rows(start=0)))
    assert found.reading.read == DRIVEN and not found.reading.words()
    found = read(put(tmp_path / 'c', [(topic, ns - 2 * START, msg) for topic, ns, msg in rows()]))
    assert found.reading.read == DRIVEN and not found.reading.words()
    with Bag(tmp_path / 'b.mcap') as bag:
        assert len([e for e in bag.events(start_s=0.55) if e.kind == 'image']) == COUNT - 6


def test_a_file_written_topic_by_topic_is_put_in_order(tmp_path):
    messages = list(rows())
    found = read(put(tmp_path / 'a', sorted(messages, key=lambda row: row[0])))
    assert not found.reading.words() and turns(found) == list(range(COUNT))
    kinds = [event.kind for event in found.events]
    assert kinds == ['instruction', *['image', 'command'] * COUNT]


def test_stamps_of_another_clock_are_not_set_with_the_first(tmp_path):
    messages = [(topic, ns + (number > 12) * 3600 * NS, msg)
                for number, (topic, ns, msg) in enumerate(rows())]
    for topic, _, msg in messages:
        if topic == '/image':
            msg.header.stamp.sec -= 1_600_000_000
    found = read(put(tmp_path / 'a', messages))
    images = [event for event in found.events if event.kind == 'image']
    assert {event.received_ns - event.stamp_ns for event in images} == {1_600_000_000 * NS}
    assert [event.stamp_ns - event.moved_ns for event in images] == [
        START + number * NS // 10 + 1 - 1_600_000_000 * NS for number in range(COUNT)]
