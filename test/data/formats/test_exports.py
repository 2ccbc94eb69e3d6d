"""Bags to HDF5 and to LeRobot's format, read back by other means than those that wrote them."""

import json

import cv2
import numpy as np
import pytest

pytest.importorskip('rosbags')
from support.bags import ODD_TOLD, write_odd  # noqa: E402

from mobile_vla_ros.cli import dataset as verb  # noqa: E402
from mobile_vla_ros.data.formats.demonstrations import Drive  # noqa: E402
from support.sources import (  # noqa: E402
    read_episode, run_import, take, write_hdf5, write_table)

KEY = 'observation.images.front'


def export(kind, out, *bags, more=()):
    return verb.main(['export', *map(str, bags), '--to', kind, '--out', str(out), *more])


@pytest.fixture
def bag(tmp_path):
    """Return a bag of 20 frames at 10 Hz whose instruction changes at the ninth."""
    assert run_import(write_table(tmp_path / 'in' / 'a.csv'), tmp_path / 'bags') == 0
    return tmp_path / 'bags' / 'a'


def test_hdf5_comes_back_as_it_was(tmp_path):
    pytest.importorskip('h5py')
    first = write_hdf5(tmp_path / 'a.h5', language_instruction='왼쪽으로 가')
    take(first, tmp_path / 'bags', rate_hz=5.0)
    assert export('hdf5', tmp_path / 'out', tmp_path / 'bags' / 'a') == 0
    take(tmp_path / 'out' / 'a_0.h5', tmp_path / 'again')
    texts, rows = read_episode(tmp_path / 'bags' / 'a')
    texts_again, rows_again = read_episode(tmp_path / 'again' / 'a_0')
    assert texts == texts_again and len(rows) == len(rows_again) == 17
    for (at, rgb, command), (at_again, rgb_again, command_again) in zip(rows, rows_again):
        assert at == at_again and np.array_equal(rgb, rgb_again)
        assert np.allclose(command, command_again, atol=1e-7)


def test_an_hdf5_file_is_what_it_says(bag, tmp_path):
    h5py = pytest.importorskip('h5py')
    assert export('hdf5', tmp_path / 'out', bag) == 0
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['a_0.h5', 'a_1.h5']
    with h5py.File(tmp_path / 'out' / 'a_1.h5') as file:
        assert file['images'].shape == (12, 48, 64, 3) and file['images'].dtype == np.uint8
        assert file['images'][:, 9, 9].mean(1).round().tolist() == list(range(48, 60))
        assert np.allclose(file['actions'], [(0.3, i / 100, -0.1) for i in range(8, 20)])
        assert file.attrs['language_instruction'] == '오른쪽으로 가'
        assert file.attrs['num_frames'] == 12 and file.attrs['color_order'] == 'rgb'
        assert np.diff(file['stamps_ns']).tolist() == [100_000_000] * 11


@pytest.fixture
def dataset(bag, tmp_path):
    """Return a LeRobot dataset of two bags; the second stands still for a part of its time."""
    pytest.importorskip('pyarrow')
    pytest.importorskip('imageio_ffmpeg')
    table = write_table(tmp_path / 'in' / 'b.csv', 'image,time_s,linear_x,angular_z', 30,
                        lambda i: f'{i}.{("jpg", "png")[i % 2]},{100 + i / 10},0.2,{i / 50}')
    assert run_import(table, tmp_path / 'bags', '--instruction', 'go left') == 0
    out = tmp_path / 'lerobot'
    assert export('lerobot', out, bag, tmp_path / 'bags' / 'b') == 0
    return out


def frames_of(path):
    film, out = cv2.VideoCapture(str(path)), []
    fps = film.get(cv2.CAP_PROP_FPS)
    while True:
        there, bgr = film.read()
        if not there:
            return fps, out
        out.append(float(bgr.mean()))


def test_a_lerobot_dataset_read_by_what_its_format_says(dataset):
    import pyarrow.parquet as parquet
    info = json.loads((dataset / 'meta' / 'info.json').read_text())
    assert (info['codebase_version'], info['fps']) == ('v3.0', 10)
    assert (info['total_episodes'], info['total_frames'], info['total_tasks']) == (3, 50, 2)
    tasks = parquet.read_table(dataset / 'meta' / 'tasks.parquet').to_pylist()
    assert {row['__index_level_0__']: row['task_index'] for row in tasks} == {
        'go left': 0, '오른쪽으로 가': 1}
    episodes = parquet.read_table(
        dataset / 'meta' / 'episodes' / 'chunk-000' / 'file-000.parquet').to_pylist()
    shade = {0: range(40, 48), 1: range(48, 60), 2: range(40, 70)}
    turn = {0: [-0.1] * 8, 1: [-0.1] * 12, 2: np.arange(30) / 50}
    start = 0
    for number, episode in enumerate(episodes):
        assert episode['episode_index'] == number and episode['dataset_from_index'] == start
        place = {key: episode[f'data/{key}'] for key in ('chunk_index', 'file_index')}
        rows = parquet.read_table(dataset / info['data_path'].format(**place)).to_pydict()
        count = episode['length']
        assert len(shade[number]) == count == episode['dataset_to_index'] - start
        assert rows['index'] == list(range(start, start + count))
        assert rows['frame_index'] == list(range(count))
        assert set(rows['episode_index']) == {number}
        assert set(rows['task_index']) == {int(number == 1)}
        assert episode['tasks'] == [['go left', '오른쪽으로 가'][number == 1]]
        assert np.allclose(rows['timestamp'], np.arange(count) / 10)
        assert np.allclose([row[2] for row in rows['action']], turn[number], atol=1e-6)
        place = {key: episode[f'videos/{KEY}/{key}'] for key in ('chunk_index', 'file_index')}
        fps, shades = frames_of(dataset / info['video_path'].format(video_key=KEY, **place))
        assert fps == 10 and np.abs(np.array(shades) - shade[number]).max() < 2
        assert episode[f'videos/{KEY}/to_timestamp'] == pytest.approx(count / 10)
        start += count
    assert info['features'][KEY]['shape'] == [48, 64, 3]
    assert info['features']['action']['names'] == ['linear_x', 'linear_y', 'angular_z']


def test_the_statistics_are_those_of_the_data(dataset):
    import pyarrow.parquet as parquet
    stats = json.loads((dataset / 'meta' / 'stats.json').read_text())
    actions = np.concatenate([
        np.stack(parquet.read_table(path)['action'].to_numpy())
        for path in sorted((dataset / 'data').rglob('*.parquet'))])
    assert len(actions) == 50 == stats['action']['count'][0]
    for name in ('min', 'max', 'mean', 'std'):
        assert np.allclose(stats['action'][name], getattr(actions, name)(0), atol=1e-6)
    assert np.shape(stats[KEY]['mean']) == (3, 1, 1)
    assert np.allclose(stats[KEY]['mean'], 52 / 255, atol=0.02)
    assert set(stats) == set(json.loads((dataset / 'meta' / 'info.json').read_text())['features'])


def test_another_rate_takes_the_nearest_picture():
    drive = Drive('go', list(range(7, 17)), [i * 100_000_000 for i in range(10)],
                  np.arange(30).reshape(10, 3))
    assert drive.hz == pytest.approx(10)
    assert drive.at_rate(10).numbers == drive.numbers
    assert drive.at_rate(5).numbers == [7, 9, 11, 13, 15]
    assert drive.at_rate(30).numbers[:5] == [7, 7, 8, 8, 8]
    uneven = Drive('go', [0, 1, 2, 3], [0, 80_000_000, 310_000_000, 400_000_000], np.eye(4, 3))
    assert uneven.at_rate(10).numbers == [0, 1, 2, 2, 3]
    assert uneven.at_rate(10).commands[:, 1].tolist() == [0, 1, 0, 0, 0]


def test_a_bag_that_cannot_be_exported_is_named_and_the_others_are_written(
        bag, tmp_path, capsys):
    pytest.importorskip('h5py')
    (tmp_path / 'broken.mcap').write_bytes(b'nonsense')
    assert export('hdf5', tmp_path / 'out', tmp_path / 'broken.mcap', bag) == 1
    told = capsys.readouterr()
    assert 'broken.mcap: not a readable bag' in told.err and '2 drives, 20 frames' in told.out
    assert export('hdf5', tmp_path / 'out', bag) == 2
    assert 'already exists' in capsys.readouterr().err
    assert export('hdf5', tmp_path / 'new', tmp_path / 'broken.mcap') == 1
    assert not (tmp_path / 'new').exists()


@pytest.mark.parametrize('kind', ['hdf5', 'lerobot'])
def test_pictures_of_two_sizes_are_refused(tmp_path, capsys, kind):
    pytest.importorskip({'hdf5': 'h5py', 'lerobot': 'pyarrow'}[kind])
    table = write_table(tmp_path / 'a.csv')
    cv2.imwrite(str(tmp_path / '5.png'), np.zeros((30, 40, 3), np.uint8))
    assert run_import(table, tmp_path / 'bags', '--instruction', 'go') == 0
    assert export(kind, tmp_path / 'out', tmp_path / 'bags' / 'a') == 1
    line, = capsys.readouterr().err.strip().splitlines()
    assert 'picture 5 is 40x30' in line and '64x48' in line
    assert not (tmp_path / 'out').exists(), 'the next try must not find it there already'


def test_one_size_must_do_for_a_whole_dataset(bag, tmp_path, capsys):
    pytest.importorskip('pyarrow')
    table = write_table(tmp_path / 'other' / 'b.csv')
    cv2.imwrite(str(table.parent / '5.png'), np.zeros((30, 40, 3), np.uint8))
    assert run_import(table, tmp_path / 'bags', '--instruction', 'go') == 0
    out = tmp_path / 'out'
    assert export('lerobot', out, bag, tmp_path / 'bags' / 'b') == 1
    told = capsys.readouterr()
    assert 'picture 5 is 40x30' in told.err and '2 drives, 20 frames' in told.out
    assert len(list(out.rglob('*.mp4'))) == len(list((out / 'data').rglob('*.parquet'))) == 2
    assert json.loads((out / 'meta' / 'info.json').read_text())['total_episodes'] == 2


def test_a_higher_rate_repeats_pictures(bag, tmp_path):
    pytest.importorskip('pyarrow')
    assert export('lerobot', tmp_path / 'out', bag, more=['--fps', '30']) == 0
    fps, shades = frames_of(next((tmp_path / 'out').rglob('*/file-000.mp4')))
    assert fps == 30 and len(shades) == 22, '0.7 s and the first'
    assert np.abs(np.array(shades[:8]) - [40, 40, 41, 41, 41, 42, 42, 42]).max() < 2
    assert shades[-1] == pytest.approx(47, abs=1)


@pytest.mark.parametrize('kind, missing, words', [
    ('hdf5', 'h5py', 'pip install h5py'), ('lerobot', 'pyarrow.parquet', 'pip install pyarrow')])
def test_a_package_that_is_not_there_is_named(monkeypatch, tmp_path, capsys, kind, missing, words):
    monkeypatch.setitem(__import__('sys').modules, missing, None)
    assert export(kind, tmp_path / 'out', tmp_path / 'a') == 2
    line, = capsys.readouterr().err.strip().splitlines()
    assert words in line and not (tmp_path / 'out').exists()


@pytest.mark.parametrize('more', [['--fps', '0'], ['--fps', '10']])
def test_a_rate_that_makes_no_sense_is_refused(tmp_path, capsys, more):
    assert export('hdf5', tmp_path / 'out', tmp_path / 'a', more=more) == 2
    assert '--fps' in capsys.readouterr().err


def test_what_is_left_out_of_a_bag_is_told(tmp_path, capsys):
    pytest.importorskip('h5py')
    bag = write_odd(tmp_path / 'odd')
    assert verb.main(['export', str(bag), '--to', 'hdf5', '--out', str(tmp_path / 'out')]) == 0
    said = capsys.readouterr().out
    assert all(f'{bag}: {words}\n' in said for words in ODD_TOLD) and '59 frames' in said
