"""A closed episode is read by every reader, and compressed as cheaply as may be."""

import random

from mcap.reader import make_reader
from mcap.records import Chunk
from mcap.stream_reader import StreamReader
from mcap_ros2.decoder import DecoderFactory
import yaml
import zstandard

from mobile_vla_ros.data.episode import EpisodeWriter
from mobile_vla_ros.data.episode_file import LEVEL
from support.bags import START
from support.episodes import begin_episode, definition, raw_text, read_texts, STRING


def test_chunks_are_compressed_at_the_level_that_costs_least(tmp_path):
    writer = EpisodeWriter(tmp_path / 'a', {})
    channel = writer.topic('/events', STRING, definition(STRING))
    words = random.Random(0).choices(['left', 'right', 'bottle', 'box', 'around'], k=9000)
    writer.write(channel, START, raw_text(' '.join(words)))
    writer.close()
    with (tmp_path / 'a' / 'a_0.mcap').open('rb') as file:
        chunk = next(row for row in StreamReader(file, emit_chunks=True).records
                     if isinstance(row, Chunk) and row.uncompressed_size > 9000)
    content = zstandard.decompress(chunk.data)
    assert chunk.compression == 'zstd'
    assert chunk.data == zstandard.compress(content, level=LEVEL) != zstandard.compress(content)


def test_a_closed_episode_is_read_by_others(tmp_path):
    begin_episode(tmp_path / 'a').close({'dropped': '0'})
    assert read_texts(tmp_path / 'a') == [f'number {i}' for i in range(5)]
    with (tmp_path / 'a' / 'a_0.mcap').open('rb') as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        decoded = [row[3].data for row in reader.iter_decoded_messages()]
    assert decoded == read_texts(tmp_path / 'a')
    told = yaml.safe_load((tmp_path / 'a' / 'metadata.yaml').read_text())[
        'rosbag2_bagfile_information']
    assert told['custom_data'] == {'instruction': '왼쪽으로', 'scenario': 'a', 'dropped': '0'}
    assert told['message_count'] == 5 and told['duration'] == {'nanoseconds': 400_000_000}
    assert told['starting_time'] == {'nanoseconds_since_epoch': START}
    topic, = told['topics_with_message_count']
    assert (topic['topic_metadata']['name'], topic['message_count']) == ('/events', 5)
