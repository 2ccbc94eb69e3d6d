"""MCAP is read however it was written; only what is damaged is lost."""

from mcap.writer import CompressionType, IndexType
import pytest

from mobile_vla_ros.data.storage import BagError
from support.bags import jpeg, picture, START
from support.drives import assert_whole, COUNT, json_channel, put_mcap, read, rows, SIZE, turns


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


def picture_bytes(number):
    return bytes(jpeg(picture(number, SIZE), 0).data[:200])


def test_a_damaged_chunk_costs_what_is_in_it(tmp_path):
    path = put_mcap(tmp_path / 'a.mcap', rows(), chunk_size=1, compression=CompressionType.NONE)
    data = bytearray(path.read_bytes())
    at = data.index(picture_bytes(5))
    data[at + 40] ^= 255
    path.write_bytes(data)
    found = read(path)
    assert found.reading.read['image'] == COUNT - 1 and turns(found) == list(range(COUNT))
    assert found.reading.words() == ['1 of 12 image messages cannot be read: its chunk is damaged']


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
