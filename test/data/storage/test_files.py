"""Which files make up a bag, and what is said of a file that is none."""

import shutil

import pytest

from mobile_vla_ros.data.bag_paths import bags_in
from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.data.storage import BagError
from support.drives import (
    assert_whole, COUNT, described, in_parts, put, put_mcap, read, rows, turns)


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
