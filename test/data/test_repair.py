"""Recordings of any recorder that was killed: whole again, with all that was in them."""

import os
import shutil
import subprocess
import sys

from mcap.reader import make_reader
from mcap.records import Chunk
from mcap.stream_reader import StreamReader
import pytest

pytest.importorskip('rosbags')
from support.bags import START, STORE, text  # noqa: E402
from rosbags.highlevel import AnyReader  # noqa: E402
import yaml  # noqa: E402

from mobile_vla_ros.cli import dataset as verb  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.data.repair import EpisodeError, repair  # noqa: E402
from mobile_vla_ros.data.storage import BagError  # noqa: E402
from support.drives import COUNT, in_parts, json_channel, put_mcap, rows, turns  # noqa: E402
from support.drives import read as read_bag  # noqa: E402
from support.paths import ROOT  # noqa: E402

IDL = b'===\nIDL: my_msgs/msg/Wheels\nmodule my_msgs { };\n'
REPAIR = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
from mobile_vla_ros.cli.dataset import main
sys.exit(main(['repair', sys.argv[1]]))
"""


def others(writer):
    """Add what other programs write: schemas that are no message text, and none at all."""
    for topic, encoding, kind, schema, content in (
            ('/wheels', 'cdr', 'my_msgs/msg/Wheels', ('ros2idl', IDL), b'\0\1\0\0' + b'\7' * 16),
            ('/battery', 'json', 'Battery', ('jsonschema', b'{}'), b'{"v": 12}'),
            ('/log', 'protobuf', 'foxglove.Log', ('protobuf', b'\x0a\xff\xfe'), b'\x08\x01'),
            ('/notes', 'json', None, None, b'[]')):
        number = writer.register_schema(kind, *schema) if schema else 0
        channel = writer.register_channel(topic, encoding, number, {'offered_qos_profiles': 'q'})
        writer.add_message(channel, START, content, START - 5, 77)
    writer.add_metadata('of another', {'a': 'b'})
    writer.add_attachment(1, 2, 'map.pgm', 'image/x', b'P5')


def killed(path, share=0.8, extra=others, **options):
    """Write the file of a recorder that was killed; return how many bytes are missing."""
    path.parent.mkdir(exist_ok=True)
    whole = put_mcap(path, rows(40), extra, chunk_size=2000, **options).read_bytes()
    path.write_bytes(whole[:int(share * len(whole))])
    return path


def contents(path):
    """Return all that a file holds, by a reader that is not ours."""
    with path.open('rb') as file:
        reader = make_reader(file)
        summary = reader.get_summary()
        channels = {channel.topic: (channel.message_encoding, channel.metadata, schema.name,
                                    schema.encoding, schema.data) if schema else
                    (channel.message_encoding, channel.metadata)
                    for channel in summary.channels.values()
                    for schema in [summary.schemas.get(channel.schema_id)]}
        messages = [(channel.topic, row.log_time, row.publish_time, row.sequence, row.data)
                    for _, channel, row in reader.iter_messages(log_time_order=False)]
        return (reader.get_header().profile, channels, messages,
                {row.name: row.metadata for row in reader.iter_metadata()},
                [(row.name, row.data) for row in reader.iter_attachments()])


@pytest.mark.parametrize('profile', ['ros2', '', 'x-mine'])
def test_what_it_does_not_know_is_carried_over(tmp_path, profile):
    file = killed(tmp_path / 'a' / 'a_0.mcap', profile=profile)
    whole = contents(put_mcap(tmp_path / 'b.mcap', rows(40), others, profile=profile))
    told = repair(tmp_path / 'a')
    got = contents(file)
    assert got[0] == profile and got[3] == whole[3] and got[4] == whole[4]
    assert got[1] == {topic: row for topic, row in whole[1].items() if topic != '/notes'}
    messages = [row for row in whole[2] if row[0] != '/notes']
    assert got[2] == messages[:len(got[2])] and len(got[2]) > 50
    assert told['left_out'] == [
        'a_0.mcap: 1 messages on /notes, of which it does not say the type']
    assert told['kept'] == ['a_0.damaged']
    described = yaml.safe_load((tmp_path / 'a' / 'metadata.yaml').read_text())[
        'rosbag2_bagfile_information']
    topics = {row['topic_metadata']['name']: row['topic_metadata']
              for row in described['topics_with_message_count']}
    assert topics.keys() == {'/wheels', '/image', '/cmd_vel', '/instruction'}, 'what ROS 2 plays'
    assert topics['/wheels']['offered_qos_profiles'] == 'q'
    found = read_bag(tmp_path / 'a')
    assert turns(found) == list(range(len(turns(found)))) and not found.reading.words()
    assert sorted(path.name for path in (tmp_path / 'a').iterdir()) == [
        'a_0.damaged', 'a_0.mcap', 'metadata.yaml'] and len(list(tmp_path.iterdir())) == 2


def test_the_last_of_several_files_is_mended_and_the_others_stay(tmp_path, capsys):
    folder = in_parts(tmp_path / 'a')
    last = folder / f'a_{COUNT - 1}.mcap'
    last.write_bytes(last.read_bytes()[:-60])
    (folder / f'a_{COUNT}.mcap').write_bytes(b'\x89MCAP0\r\n')  # it had just been begun
    before = {file: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(BagError, match=f'not closed.*dataset repair {folder}$'):
        Bag(folder)
    assert verb.main(['repair', str(folder)]) == 0
    said = capsys.readouterr().out
    assert f'left out: a_{COUNT}.mcap: no complete message' in said
    assert f'the original is a_{COUNT - 1}.damaged' in said
    found = read_bag(folder)
    assert turns(found) == list(range(COUNT)) and not found.reading.words()
    with AnyReader([folder], default_typestore=STORE) as reader:
        assert sum(1 for _ in reader.messages()) == 2 * COUNT + 1
    assert last.with_suffix('.damaged').read_bytes() == before[last]
    assert all(file.read_bytes() == data for file, data in before.items()
               if file.name < last.name and file != last and file.name != f'a_{COUNT}.mcap')


def test_what_was_copied_in_part_is_mended_though_it_is_described(tmp_path):
    shutil.copytree(in_parts(tmp_path / 'a'), tmp_path / 'b')
    file = tmp_path / 'a' / 'a_3.mcap'
    file.write_bytes(file.read_bytes()[:-100])
    repair(tmp_path / 'a')
    with pytest.raises(EpisodeError, match='is whole, nothing to repair'):
        repair(tmp_path / 'a')
    file.write_bytes(file.read_bytes()[:-100])
    assert repair(tmp_path / 'a')['kept'] == ['a_3-2.damaged'], 'what was kept before stays'
    assert turns(read_bag(tmp_path / 'a')) == list(range(COUNT))


def test_a_file_among_others_is_mended_by_itself(tmp_path):
    file = killed(tmp_path / 'b.mcap')
    put_mcap(tmp_path / 'a.mcap', rows())
    with pytest.raises(EpisodeError, match='several bags, give one of the files: a.mcap, b'):
        repair(tmp_path)
    repair(file)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.mcap', 'b.damaged', 'b.mcap']
    assert len(turns(read_bag(file))) > 20
    only = killed(tmp_path / 'c' / 'c_0.mcap')
    repair(only)
    assert (tmp_path / 'c' / 'metadata.yaml').exists(), 'it is all of its folder'


def test_a_damaged_chunk_is_left_out_and_told(tmp_path):
    file = killed(tmp_path / 'a' / 'a_0.mcap', 0.9, None)
    data = bytearray(file.read_bytes())
    with put_mcap(tmp_path / 'b.mcap', rows(40), chunk_size=2000).open('rb') as whole:
        chunks = [row for row in StreamReader(whole, emit_chunks=True).records
                  if isinstance(row, Chunk)]
    data[data.index(chunks[len(chunks) // 2].data) + 20] ^= 255
    file.write_bytes(data)
    told = repair(tmp_path / 'a')
    assert told['left_out'] == ['a_0.mcap: a chunk that is damaged']
    numbers = turns(read_bag(tmp_path / 'a'))
    assert numbers == sorted(numbers) and numbers[-1] > 30 and len(numbers) < numbers[-1] + 1


@pytest.mark.parametrize('limit', [100, 3000])
def test_a_disk_that_is_full_leaves_all_as_it_was(tmp_path, limit):
    file = killed(tmp_path / 'a' / 'a_0.mcap')
    before = file.read_bytes()
    done = subprocess.run([sys.executable, '-c', REPAIR, str(tmp_path / 'a'), str(limit)],
                          capture_output=True, text=True,
                          env={**os.environ, 'PYTHONPATH': str(ROOT)})
    assert done.returncode == 1 and 'File too large' in done.stderr
    assert 'Traceback' not in done.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()} == {
        file: before}


def test_what_fails_at_the_end_is_taken_back(tmp_path):
    file = killed(tmp_path / 'a' / 'a_0.mcap')
    before = file.read_bytes()
    (tmp_path / 'a' / 'metadata.new').mkdir()  # so that metadata.yaml cannot be written
    with pytest.raises(OSError):
        repair(tmp_path / 'a')
    assert file.read_bytes() == before
    assert sorted(path.name for path in (tmp_path / 'a').iterdir()) == ['a_0.mcap', 'metadata.new']


def test_other_files_are_refused_with_what_helps(tmp_path, capsys):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / 'a_0.db3').write_bytes(b'SQLite')
    for path, words in ((tmp_path / 'a', 'only .mcap is repaired here, found a_0.db3'),
                        (tmp_path / 'a' / 'a_0.db3', '.recover'), (tmp_path / 'no', 'found 0')):
        assert verb.main(['repair', str(path)]) == 1
        assert words in capsys.readouterr().err
    put_mcap(tmp_path / 'b.mcap', [('/words', START, text('go'))], json_channel)
    assert verb.main(['repair', str(tmp_path / 'b.mcap')]) == 1
    assert 'is whole' in capsys.readouterr().err
