"""A bag is what its files hold, whatever metadata.yaml says of it."""

import shutil
import sqlite3

import pytest

from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.data.storage import BagError
from support.drives import assert_whole, COUNT, described, PLUGINS, put, read, rows


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
    """Return a folder of each kind with `rows`; copy it before you change it."""
    root = tmp_path_factory.mktemp('plain')
    return {kind: put(root / kind, rows(), plugin) for kind, plugin in PLUGINS.items()}


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


def test_counts_that_differ_from_what_is_there_are_told(tmp_path):
    path = next(put(tmp_path / 'a', rows()).glob('*.db3'))
    with sqlite3.connect(path) as db:
        db.execute('DELETE FROM messages WHERE id IN (6, 9)')
    found = read(tmp_path / 'a')
    assert len([line for line in found.reading.words() if 'metadata.yaml counts 12' in line])
    assert sum(found.reading.read.values()) == 2 * COUNT - 1


def test_a_plugin_of_another_kind_is_named(tmp_path):
    put(tmp_path / 'a', rows())
    described(tmp_path / 'a', compression_mode=lambda _: 'MESSAGE',
              compression_format=lambda _: 'lz4')
    with pytest.raises(BagError, match="compressed by 'lz4'.*ros2 bag convert"):
        Bag(tmp_path / 'a')
