"""A short drive as a bag of any kind, and what a reader must find in it."""

from types import SimpleNamespace

from mcap.writer import Writer as McapWriter
from rosbags.rosbag2 import StoragePlugin
import yaml

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.bags import Bag
from support.bags import BagWriter, jpeg, picture, START, STORE, text, TEXT, twist

COUNT = 12  # of pictures, each with a command
SIZE = (16, 12)
DRIVEN = {'image': COUNT, 'command': COUNT, 'instruction': 1}
PLUGINS = {'mcap': StoragePlugin.MCAP, 'db3': StoragePlugin.SQLITE3}


def rows(count=COUNT, start=START):
    """Yield (topic, ns, message) of a drive at 10 Hz; command n is n / 100 rad/s."""
    yield '/instruction', start, text(TEXT)
    for number in range(count):
        ns = start + number * NS // 10 + 1
        yield '/image', ns, jpeg(picture(number, SIZE), ns)
        yield '/cmd_vel', ns + NS // 100, twist((0.3, 0.0, number / 100))


def put(path, messages, plugin=StoragePlugin.SQLITE3):
    with BagWriter(path, plugin) as bag:
        for topic, ns, msg in messages:
            bag.put(topic, ns, msg)
    return path


def put_mcap(path, messages, extra=None, profile='ros2', **options):
    """Write an MCAP file by its own library; `extra(writer)` adds what it likes."""
    with path.open('wb') as file:
        writer, channels = McapWriter(file, **options), {}
        writer.start(profile, 'test')
        if extra:
            extra(writer)
        for topic, ns, msg in messages:
            kind = msg.__msgtype__
            if topic not in channels:
                schema = writer.register_schema(
                    kind, 'ros2msg', STORE.generate_msgdef(kind, ros_version=2)[0].encode())
                channels[topic] = writer.register_channel(topic, 'cdr', schema)
            writer.add_message(channels[topic], ns, bytes(STORE.serialize_cdr(msg, kind)), ns)
        writer.finish()
    return path


def json_channel(writer):
    schema = writer.register_schema('Battery', 'jsonschema', b'{"type":"object"}')
    writer.add_message(writer.register_channel('/battery', 'json', schema), START, b'{}', START)


def in_parts(folder, suffix='mcap', count=COUNT):
    """Write a drive in files of one picture each, without metadata.yaml."""
    folder.mkdir()
    messages = list(rows(count))
    for number in range(count):
        part = messages[1 + 2 * number:3 + 2 * number]
        put_mcap(folder / f'a_{number}.mcap', [messages[0], *part] if number == 0 else part)
    return folder


def described(folder, **changes):
    """Change metadata.yaml by hand."""
    path = folder / 'metadata.yaml'
    told = yaml.safe_load(path.read_text())
    info = told['rosbag2_bagfile_information']
    for name, change in changes.items():
        info[name] = change(info.get(name))
    path.write_text(yaml.safe_dump(told))


def read(path, **topics):
    """Return the events of a bag, and its reading."""
    with Bag(path, **topics) as bag:
        return SimpleNamespace(events=list(bag.events()), reading=bag.reading, seconds=bag.seconds)


def turns(found):
    """Return the numbers of the commands in their order."""
    return [round(100 * event.value.angular_z) for event in found.events
            if event.kind == 'command']


def assert_whole(path, *told):
    found = read(path)
    assert found.reading.read == DRIVEN and found.reading.stored == DRIVEN
    assert turns(found) == list(range(COUNT))
    assert [event.stamp_ns for event in found.events if event.kind == 'image'] \
        == [START + number * NS // 10 + 1 for number in range(COUNT)]
    assert len(found.reading.words()) == len(told), found.reading.words()
    for words, said in zip(told, found.reading.words()):
        assert words in said
