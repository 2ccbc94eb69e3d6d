"""A message that cannot be read is left out, counted and told with its reason."""

from mcap.writer import Writer as McapWriter
import pytest
from rosbags.rosbag2 import Writer

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.segments import segments
from mobile_vla_ros.data.storage import BagError
from support.bags import STORE, twist
from support.drives import COUNT, PLUGINS, read, rows


def broken(name):
    """Yield the rows of a drive with one bad message, as (topic, ns, type, bytes)."""
    for number, (topic, ns, msg) in enumerate(rows()):
        raw = bytes(STORE.serialize_cdr(msg, msg.__msgtype__))
        if number == 11 and name in ('nan', 'inf'):
            bad = twist((0.1, 0.0, float(name)))
            topic, kind = '/cmd_vel', bad.__msgtype__
            raw = bytes(STORE.serialize_cdr(bad, kind))
            yield topic, ns, kind, raw
            continue
        if topic == {'cut command': '/cmd_vel', 'cut image': '/image', 'cut words': '/instruction',
                     'no bytes': '/cmd_vel', 'nonsense': '/image'}.get(name) and number in (
                         0, 11, 12):
            raw = b'' if name == 'no bytes' else b'\x99' * 40 if name == 'nonsense' else raw[:30]
        yield topic, ns, msg.__msgtype__, raw


def put_raw(path, messages, kind):
    if kind == 'mcap':
        with path.open('wb') as file:
            writer, topics = McapWriter(file), {}
            writer.start('ros2', 'test')
            for topic, ns, name, raw in messages:
                if topic not in topics:
                    topics[topic] = writer.register_channel(topic, 'cdr', writer.register_schema(
                        name, 'ros2msg', b''))
                writer.add_message(topics[topic], ns, raw, ns)
            writer.finish()
        return path
    writer, topics = Writer(path, version=9, storage_plugin=PLUGINS[kind]), {}
    with writer:
        for topic, ns, name, raw in messages:
            if topic not in topics:
                topics[topic] = writer.add_connection(topic, name, typestore=STORE)
            writer.write(topics[topic], ns, raw)
    return path


@pytest.mark.parametrize('name, kind, count, parts', [
    ('nan', 'command', 1, 2), ('inf', 'command', 1, 2), ('cut command', 'command', 1, 2),
    ('no bytes', 'command', 1, 2), ('cut image', 'image', 1, 1), ('nonsense', 'image', 1, 1),
    ('cut words', 'instruction', 1, 0)])
@pytest.mark.parametrize('plugin', PLUGINS)
def test_one_bad_message_is_left_out_and_counted(tmp_path, plugin, name, kind, count, parts):
    path = put_raw(tmp_path / 'a', broken(name), plugin)
    found = read(path)
    assert found.reading.left_out(kind) == count
    assert found.reading.read[kind] == found.reading.stored[kind] - count
    line, = found.reading.words()
    assert line.startswith(f'1 of {found.reading.stored[kind]} {kind} messages cannot be read: ')
    drives = list(segments(found.events, lambda msg: msg.header.stamp.nanosec, 0.0))
    assert len(drives) == parts
    for drive in drives:  # picture n is answered by command n / 100
        for nanosec, command in zip(drive.images, drive.commands):
            number = round(((nanosec - 1) % NS) / NS * 10)
            assert round(100 * command.angular_z) % 10 == number


def test_where_all_are_bad_it_is_refused_with_the_reason(tmp_path):
    path = put_raw(tmp_path / 'a', (
        (topic, ns, msg.__msgtype__, bytes(STORE.serialize_cdr(msg, msg.__msgtype__))[
            :20 if topic == '/image' else None]) for topic, ns, msg in rows()), 'db3')
    with pytest.raises(BagError, match=f'none of its {COUNT} image messages can be read'):
        read(path)
