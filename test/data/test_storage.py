"""What is in a bag is read whatever lies beside it; what is left out is counted."""

import shutil
import sqlite3
from types import SimpleNamespace

from support.bags import BagWriter, jpeg, picture, START, STORE, text, TEXT, twist
from mcap.writer import CompressionType, IndexType, Writer as McapWriter
import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
import yaml

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.bag_paths import bags_in
from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.data.segments import segments
from mobile_vla_ros.data.storage import BagError

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


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
    """Return a folder of each kind with `rows`; copy it before you change it."""
    root = tmp_path_factory.mktemp('plain')
    return {kind: put(root / kind, rows(), plugin) for kind, plugin in PLUGINS.items()}


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


def json_channel(writer):
    schema = writer.register_schema('Battery', 'jsonschema', b'{"type":"object"}')
    writer.add_message(writer.register_channel('/battery', 'json', schema), START, b'{}', START)


def protobuf(writer):
    schema = writer.register_schema('foxglove.Log', 'protobuf', b'\x0a\x03abc\xff\xfe')
    writer.add_message(writer.register_channel('/log', 'protobuf', schema), START, b'\x08', START)


def schemaless(writer):
    writer.add_message(writer.register_channel('/notes', 'json', 0), START, b'{"a":1}', START)


def service_event(writer):
    schema = writer.register_schema('example_interfaces/srv/AddTwoInts_Event', 'ros2msg',
                                    b'int64 a\n---\nint64 sum\n')
    writer.register_channel('/add/_service_event', 'cdr', schema)


def unknown_image(writer):
    schema = writer.register_schema('sensor_msgs/msg/Image', 'ros2msg', b'no definition at all?')
    writer.register_channel('/other/image', 'protobuf', schema)


def own_type_twice(writer):
    for definition in (b'float64 a', b'string b'):
        schema = writer.register_schema('my_msgs/msg/Thing', 'ros2msg', definition)
        writer.register_channel('/thing', 'cdr', schema)


@pytest.mark.parametrize('extra', [json_channel, protobuf, schemaless, service_event,
                                   unknown_image, own_type_twice, None])
def test_channels_that_nobody_asked_for_are_ignored(tmp_path, extra):
    assert_whole(put_mcap(tmp_path / 'a.mcap', rows(), extra))


@pytest.mark.parametrize('profile', ['', 'ros1', 'ROS2', 'x-other'])
def test_the_profile_of_a_file_is_of_no_matter(tmp_path, profile):
    assert_whole(put_mcap(tmp_path / 'a.mcap', rows(), profile=profile))


@pytest.mark.parametrize('options', [
    {'compression': CompressionType.LZ4}, {'compression': CompressionType.NONE},
    {'chunk_size': 1}, {'use_chunking': False}, {'index_types': IndexType.NONE},
    {'index_types': IndexType.CHUNK}, {'use_statistics': False}, {'use_summary_offsets': False},
    {'repeat_channels': False}, {'repeat_schemas': False}, {'enable_crcs': False}], ids=str)
def test_every_way_to_write_mcap_is_read(tmp_path, options):
    assert_whole(put_mcap(tmp_path / 'a.mcap', rows(), json_channel, **options))


def described(folder, **changes):
    """Change metadata.yaml by hand."""
    path = folder / 'metadata.yaml'
    told = yaml.safe_load(path.read_text())
    info = told['rosbag2_bagfile_information']
    for name, change in changes.items():
        info[name] = change(info.get(name))
    path.write_text(yaml.safe_dump(told))


def without(key):
    return lambda topics: [{**topic, 'topic_metadata': {
        name: value for name, value in topic['topic_metadata'].items() if name != key}}
        for topic in topics]


def qos(value):
    return lambda topics: [{**topic, 'topic_metadata': {
        **topic['topic_metadata'], 'offered_qos_profiles': value}} for topic in topics]


def zero(topics):
    return [{**topic, 'message_count': 0} for topic in topics]


@pytest.mark.parametrize('changes, told', [
    ({'topics_with_message_count': qos('')}, ()),
    ({'topics_with_message_count': qos('- {history: three, depth: [}')}, ()),
    ({'topics_with_message_count': qos([{'history': 'nonsense'}])}, ()),
    ({'topics_with_message_count': without('offered_qos_profiles')}, ()),
    ({'topics_with_message_count': without('type')}, ()),
    ({'topics_with_message_count': lambda _: []}, ()),
    ({'topics_with_message_count': lambda _: None}, ()),
    ({'topics_with_message_count': zero}, ['counts 0 image messages, the files hold 12',
                                           'counts 0 command', 'counts 0 instruction']),
    ({'storage_identifier': lambda _: ''}, ()), ({'storage_identifier': lambda _: 'mine'}, ()),
    ({'version': lambda _: 10}, ()), ({'message_count': lambda _: 0}, ()),
    ({'duration': lambda _: {}, 'starting_time': lambda _: None}, ()),
    ({'relative_file_paths': lambda names: [f'/home/someone/{name}' for name in names]}, ()),
    ({'relative_file_paths': lambda names: [f'C:\\bags\\{name}' for name in names]}, ()),
    ({'relative_file_paths': lambda _: []}, ()), ({'relative_file_paths': lambda _: 7}, ()),
    ({'relative_file_paths': lambda _: ['other_0.mcap']}, ['names other_0.mcap, which is not']),
    ({'compression_mode': lambda _: None, 'compression_format': lambda _: None}, ())])
@pytest.mark.parametrize('kind', PLUGINS)
def test_what_metadata_says_loses_no_message(tmp_path, plain, kind, changes, told):
    shutil.copytree(plain[kind], tmp_path / 'a')
    described(tmp_path / 'a', **changes)
    assert_whole(tmp_path / 'a', *told)


@pytest.mark.parametrize('content, told', [
    (None, ()), ('', ['makes no sense']), ('{[', ['makes no sense']), ('a: 1', ['makes no se'])])
@pytest.mark.parametrize('kind', PLUGINS)
def test_a_folder_without_metadata_is_its_files(tmp_path, plain, kind, content, told):
    shutil.copytree(plain[kind], tmp_path / 'a')
    (tmp_path / 'a' / 'metadata.yaml').unlink()
    if content is not None:
        (tmp_path / 'a' / 'metadata.yaml').write_text(content)
    assert_whole(tmp_path / 'a', *told)
    assert_whole(next((tmp_path / 'a').glob(f'*.{kind}')))


def in_parts(folder, suffix='mcap', count=COUNT):
    """Write a drive in files of one picture each, without metadata.yaml."""
    folder.mkdir()
    messages = list(rows(count))
    for number in range(count):
        part = messages[1 + 2 * number:3 + 2 * number]
        put_mcap(folder / f'a_{number}.mcap', [messages[0], *part] if number == 0 else part)
    return folder


def test_parts_are_read_in_the_order_of_their_numbers(tmp_path):
    assert_whole(in_parts(tmp_path / 'a'))
    assert bags_in(tmp_path / 'a') == [tmp_path / 'a']
    put(tmp_path / 'b', rows())
    described(tmp_path / 'b', relative_file_paths=lambda _: ['a_10.mcap', 'a_9.mcap'])
    for file in (tmp_path / 'a').iterdir():
        shutil.copy(file, tmp_path / 'b')
    found = read(tmp_path / 'b')
    assert turns(found) == [9, 10] and 'does not name a_0.mcap' in found.reading.words()[0]


def test_a_part_that_is_missing_is_told(tmp_path):
    in_parts(tmp_path / 'a')
    put(tmp_path / 'b', rows())
    shutil.copy(tmp_path / 'b' / 'metadata.yaml', tmp_path / 'a')
    described(tmp_path / 'a', topics_with_message_count=lambda _: [], relative_file_paths=lambda
              _: [f'a_{number}.mcap' for number in range(COUNT + 1)])
    assert_whole(tmp_path / 'a', f'names a_{COUNT}.mcap, which is not there')


def test_recordings_in_one_folder_are_not_mixed(tmp_path):
    for name in ('a', 'b'):
        put_mcap(tmp_path / f'{name}.mcap', rows())
    with pytest.raises(BagError, match='several bags .*: a.mcap, b.mcap; give one'):
        Bag(tmp_path)
    assert bags_in(tmp_path) == [tmp_path / 'a.mcap', tmp_path / 'b.mcap']
    put(tmp_path / 'c', rows())
    assert bags_in(tmp_path) == [tmp_path / name for name in ('a.mcap', 'b.mcap', 'c')]


@pytest.mark.parametrize('mode', [CompressionMode.FILE, CompressionMode.MESSAGE])
@pytest.mark.parametrize('kind', PLUGINS)
def test_what_ros2_bag_compressed_is_read_with_and_without_metadata(tmp_path, kind, mode):
    folder = tmp_path / 'a'
    writer = Writer(folder, version=9, storage_plugin=PLUGINS[kind])
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        topics = {}
        for topic, ns, msg in rows():
            name = msg.__msgtype__
            if topic not in topics:
                topics[topic] = writer.add_connection(topic, name, typestore=STORE)
            writer.write(topics[topic], ns, STORE.serialize_cdr(msg, name))
    file = next(file for file in folder.iterdir() if kind in file.name)
    assert (file.suffix == '.zstd') == (mode is CompressionMode.FILE)
    before = sorted(path.name for path in tmp_path.rglob('*'))
    for path in (folder, file):
        assert_whole(path)
    (folder / 'metadata.yaml').unlink()
    for path in (folder, file):
        assert_whole(path)
    assert sorted([*(path.name for path in tmp_path.rglob('*')), 'metadata.yaml']) == before
    if mode is CompressionMode.FILE:  # unpacked by hand, and the packed one left beside it
        import zstandard
        with file.open('rb') as packed, file.with_suffix('').open('wb') as out:
            zstandard.ZstdDecompressor().copy_stream(packed, out)
        assert_whole(folder)


def with_wal(folder, source, written):
    """Leave a database as a killed recorder does, with rows up to `written` in the file itself."""
    old, live = sqlite3.connect(source), folder.parent / f'live-{folder.name}'
    live.mkdir()
    new = sqlite3.connect(live / 'a.db3')
    new.execute('PRAGMA journal_mode=WAL')
    new.execute('PRAGMA wal_autocheckpoint=0')
    for sql, in old.execute('SELECT sql FROM sqlite_master WHERE sql IS NOT NULL'):
        new.execute(sql)
    new.executemany('INSERT INTO topics VALUES (?, ?, ?, ?, ?, ?)',
                    old.execute('SELECT * FROM topics'))
    new.commit()
    for number, row in enumerate(old.execute('SELECT * FROM messages ORDER BY id')):
        new.execute('INSERT INTO messages VALUES (?, ?, ?, ?)', row)
        new.commit()
        if number == written:
            new.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    shutil.copytree(live, folder)
    new.close()
    return folder


@pytest.mark.parametrize('written', [-1, COUNT, 2 * COUNT])
@pytest.mark.parametrize('left', [('-wal', '-shm'), ('-wal',)])
def test_what_lies_in_a_journal_beside_the_file_is_read(tmp_path, plain, written, left):
    folder = with_wal(tmp_path / 'a', next(plain['db3'].glob('*.db3')), written)
    for file in folder.glob('*.db3-*'):
        if not file.name.endswith(left):
            file.unlink()
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert len(before) == 1 + len(left)
    folder.chmod(0o555)
    for path in (folder, folder / 'a.db3'):
        assert_whole(path)
    folder.chmod(0o755)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before, 'untouched'


def test_a_name_that_means_something_to_sqlite_is_a_name(tmp_path):
    put(tmp_path / 'a', rows())
    (tmp_path / 'a').rename(tmp_path / 'a?mode=rw#x%20')
    next((tmp_path / 'a?mode=rw#x%20').glob('*.db3')).rename(tmp_path / 'b?vfs=x#%00.db3')
    assert_whole(tmp_path / 'b?vfs=x#%00.db3')


def test_ros_1_is_read_in_and_out_of_mcap(tmp_path):
    from rosbags.typesys import get_typestore, Stores
    store = get_typestore(Stores.ROS1_NOETIC)

    def old(topic, msg):
        """Return a message as ROS 1 has it."""
        if topic == '/cmd_vel':
            return 'geometry_msgs/msg/Twist', msg
        if topic == '/instruction':
            return 'std_msgs/msg/String', msg
        types = store.types
        stamp = msg.header.stamp
        stamp = types['builtin_interfaces/msg/Time'](stamp.sec, stamp.nanosec)
        return msg.__msgtype__, types[msg.__msgtype__](
            types['std_msgs/msg/Header'](7, stamp, 'camera'), msg.format, msg.data)
    with Writer1(tmp_path / 'a.bag') as one, (tmp_path / 'a.mcap').open('wb') as file:
        two, topics = McapWriter(file), {}
        two.start('ros1', 'test')
        for topic, ns, msg in rows():
            kind, msg = old(topic, msg)
            if topic not in topics:
                schema = two.register_schema(kind.replace('/msg/', '/'), 'ros1msg', b'')
                topics[topic] = (one.add_connection(topic, kind, typestore=store),
                                 two.register_channel(topic, 'ros1', schema))
            raw = bytes(store.serialize_ros1(msg, kind))
            one.write(topics[topic][0], ns, raw)
            two.add_message(topics[topic][1], ns, raw, ns)
        two.finish()
    assert_whole(tmp_path / 'a.bag')
    assert_whole(tmp_path / 'a.mcap')


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


def test_a_damaged_chunk_costs_what_is_in_it(tmp_path):
    path = put_mcap(tmp_path / 'a.mcap', rows(), chunk_size=1, compression=CompressionType.NONE)
    data = bytearray(path.read_bytes())
    at = data.index(picture_bytes(5))
    data[at + 40] ^= 255
    path.write_bytes(data)
    found = read(path)
    assert found.reading.read['image'] == COUNT - 1 and turns(found) == list(range(COUNT))
    assert found.reading.words() == ['1 of 12 image messages cannot be read: its chunk is damaged']


def picture_bytes(number):
    return bytes(jpeg(picture(number, SIZE), 0).data[:200])


def test_counts_that_differ_from_what_is_there_are_told(tmp_path):
    path = next(put(tmp_path / 'a', rows()).glob('*.db3'))
    with sqlite3.connect(path) as db:
        db.execute('DELETE FROM messages WHERE id IN (6, 9)')
    found = read(tmp_path / 'a')
    assert len([line for line in found.reading.words() if 'metadata.yaml counts 12' in line])
    assert sum(found.reading.read.values()) == 2 * COUNT - 1


@pytest.mark.parametrize('make, words, remedy', [
    (lambda path: path.mkdir(), 'no bag', 'give the folder of one'),
    (lambda path: path.write_bytes(b''), 'it is empty', 'copy it anew'),
    (lambda path: path.write_bytes(b'\x1f\x8b\x08' * 40), 'begins neither', 'copy it anew'),
    (lambda path: path.write_bytes(b'SQLite format 3\0' + b'\0' * 500), 'not a readable bag',
     'sqlite3 .* .recover'),
    (lambda path: path.write_bytes(b'\x89MCAP0\r\n' + b'\1' * 50), 'not closed', 'dataset repair'),
    (lambda path: path.write_bytes(b'\x28\xb5\x2f\xfd' + b'\1' * 50), 'cannot be unp', 'copy it'),
    (lambda path: path.write_bytes(b'#ROSBAG V2.0\n' + b'\1' * 50), 'not a readable', 'reindex')])
def test_each_refusal_has_a_remedy_of_its_own(tmp_path, make, words, remedy):
    make(tmp_path / 'a')
    with pytest.raises(BagError, match=f'^{tmp_path / "a"}: .*{words}.*; .*{remedy}') as error:
        Bag(tmp_path / 'a')
    assert '\n' not in str(error.value) and len(str(error.value)) < 400


def test_a_plugin_of_another_kind_is_named(tmp_path):
    put(tmp_path / 'a', rows())
    described(tmp_path / 'a', compression_mode=lambda _: 'MESSAGE',
              compression_format=lambda _: 'lz4')
    with pytest.raises(BagError, match="compressed by 'lz4'.*ros2 bag convert"):
        Bag(tmp_path / 'a')


def test_sizes_that_a_file_claims_are_not_allocated(tmp_path):
    path = put_mcap(tmp_path / 'a.mcap', rows(), compression=CompressionType.NONE)
    data = path.read_bytes()
    at = data.index(b'\x06', 20)
    for size in (2**62, 2**40):
        changed = bytearray(data)
        changed[at + 9 + 16:at + 9 + 24] = size.to_bytes(8, 'little')
        path.write_bytes(changed)
        with pytest.raises(BagError, match=f'says that it holds {size} bytes'):
            read(path)


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
