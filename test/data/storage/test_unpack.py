"""What `ros2 bag` compressed, by file or by message, is read and left as it was."""

import pytest
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Writer

from support.bags import STORE
from support.drives import assert_whole, PLUGINS, rows


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
