"""CSV and HDF5 as episodes: what is in them comes through, and what is wrong is one line."""

import os

import numpy as np
import pytest

pytest.importorskip('rosbags')

from support.sources import (  # noqa: E402
    HEAD, read_episode, run_import, take, write_hdf5, write_table)


def test_a_table_becomes_an_episode(tmp_path):
    assert run_import(write_table(tmp_path / 'in' / 'a.csv'), tmp_path / 'out') == 0
    texts, rows = read_episode(tmp_path / 'out' / 'a')
    assert texts == [(0, 'go left'), (8, '오른쪽으로 가')]
    assert [round(float(rgb.mean())) for _, rgb, _ in rows] == list(range(40, 60))
    assert np.allclose([at for at, _, _ in rows], 5 + np.arange(20) / 10)
    assert np.allclose([c for _, _, c in rows], [(0.3, i / 100, -0.1) for i in range(20)])


def test_what_is_given_stands_above_what_is_in_a_table(tmp_path):
    table = write_table(tmp_path / 'a.csv')
    assert run_import(table, tmp_path / 'out', '--instruction', 'follow me', '--rate', '4',
               '--speed', '2', '--turn', '10') == 0
    texts, rows = read_episode(tmp_path / 'out' / 'a')
    assert texts == [(0, 'follow me')]
    assert np.allclose(np.diff([at for at, _, _ in rows]), 0.25)
    assert np.allclose(rows[5][2], (0.6, 0.1, -1.0))


@pytest.mark.parametrize('head, row, more, message', [
    ('image,linear_x', None, [], 'has no column angular_z (needed are image, linear_x, angular_z'),
    (HEAD.replace('linear_y', 'lin_y'), None, [], "has a column 'lin_y' that is not known"),
    ('image,linear_x,angular_z', lambda i: '0.jpg,1,1', [], 'no column time_s; give the frames'),
    (HEAD, lambda i: '0.jpg,1,fast,0,1,go', [], "line 2: linear_x is 'fast', wanted a finite"),
    (HEAD, lambda i: '0.jpg,nan,0,0,0,go', [], "line 2: time_s is 'nan', wanted a finite"),
    (HEAD, lambda i: '0.jpg,1,0', [], 'line 2: must have 6 values'),
    (HEAD, lambda i: '0.jpg,1,0,0,0,go,1', [], 'line 2: must have 6 values'),
    (HEAD, lambda i: f'0.jpg,{i},0,0,nan,go', [], 'none of its 20 frames can be used: 20 without '
     'a command (first: line 2: (0.0, 0.0, nan))'),
    (HEAD, lambda i: f'{"gone" if i == 3 else 0}.jpg,{i},0,0,0,go', [], 'line 5: no '),
    (HEAD, lambda i: f'a.csv,{i},0,0,0,go', [], 'neither JPEG nor PNG'),
    (HEAD, lambda i: f'0.jpg,{-i},0,0,0,go', [], 'times go back after frame 1'),
    (HEAD, lambda i: '0.jpg,1,0,0,0,go', [], 'its times say 20 frames in 0.00 s; give the true'),
    ('image,time_s,linear_x,angular_z', lambda i: f'0.jpg,{i},0,0', [],
     'no words for what was driven; give them with --instruction')])
def test_a_table_that_cannot_be_imported_says_why(tmp_path, capsys, head, row, more, message):
    assert run_import(write_table(tmp_path / 'a.csv', head, row=row), tmp_path / 'out', *more) == 1
    line, = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f'refused: {tmp_path}/a.csv') and message in line
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('content, message', [
    (b'', 'has no column image'), (HEAD.encode(), 'has no lines below its head'),
    (b'\xff\xfe\x00\x01', 'not a CSV file in UTF-8')])
def test_a_file_that_is_no_table_is_refused(tmp_path, capsys, content, message):
    (tmp_path / 'a.csv').write_bytes(content)
    assert run_import(tmp_path / 'a.csv', tmp_path / 'out') == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('order', ['bgr', 'rgb'])
def test_an_hdf5_action_answers_the_picture_before_it(tmp_path, order):
    path = write_hdf5(tmp_path / 'a.h5', order=order, language_instruction='왼쪽으로 가')
    take(path, tmp_path / 'out', rate_hz=5.0, order=order)
    texts, rows = read_episode(tmp_path / 'out' / 'a')
    assert texts == [(0, '왼쪽으로 가')]
    assert [rgb[0, 0].tolist() for _, rgb, _ in rows] == [[40 + i, 40 + i, 0] for i in range(17)]
    assert np.allclose([c for _, _, c in rows],
                       [(i / 10, -i / 20, i / 40) for i in range(1, 18)])
    assert np.allclose(np.diff([at for at, _, _ in rows]), 0.2)


def test_an_hdf5_file_tells_its_length_and_takes_other_words(tmp_path):
    path = write_hdf5(tmp_path / 'a.h5', total_duration=8.5)
    os.utime(path, (1_600_000_000, 1_600_000_000))
    take(path, tmp_path / 'out', instruction='go')
    texts, rows = read_episode(tmp_path / 'out' / 'a')
    assert texts == [(0, 'go')] and rows[0][0] == pytest.approx(1_600_000_000)
    assert np.allclose(np.diff([at for at, _, _ in rows]), 0.5, atol=1e-6)


def change(name, value):
    def do(file):
        del file[name]
        if value is not None:
            file[name] = value
    return do


@pytest.mark.parametrize('breaking, message', [
    (lambda file: None, 'has no times (neither stamps_ns nor total_duration)'),
    (change('images', None), 'has no images, but actions'),
    (change('images', np.zeros((4, 8, 8, 3), np.float32)), 'float32 and actions (18, 3), wanted'),
    (change('actions', np.zeros((18, 2))), 'and actions (18, 2), wanted'),
    (change('actions', np.full((18, 3), np.nan)), 'has no times'),
    (lambda file: file.attrs.update(total_duration=4.0), 'no words for what was driven'),
    (lambda file: file.attrs.update(color_order='hsv', total_duration=4.0),
     "its color_order is 'hsv', wanted bgr or rgb"),
    (lambda file: file.create_dataset('stamps_ns', data=[1, 2]), '2 stamps_ns for 18 images')])
def test_an_hdf5_file_that_cannot_be_imported_says_why(tmp_path, breaking, message):
    path = write_hdf5(tmp_path / 'a.h5')
    import h5py
    with h5py.File(path, 'a') as file:
        breaking(file)
    with pytest.raises(ValueError) as refused:
        take(path, tmp_path / 'out')
    line, = str(refused.value).splitlines()
    assert message in line and not (tmp_path / 'out').exists()


def test_a_damaged_hdf5_file_leaves_nothing_behind(tmp_path, capsys):
    h5py = pytest.importorskip('h5py')
    path = tmp_path / 'a.h5'
    with h5py.File(path, 'w') as file:
        file.create_dataset('images', data=np.random.default_rng(0).integers(
            0, 255, (10, 24, 32, 3), np.uint8), chunks=(1, 24, 32, 3), compression='gzip')
        file['actions'] = np.zeros((10, 3))
        at = file['images'].id.get_chunk_info(5)
    content = bytearray(path.read_bytes())
    content[at.byte_offset:at.byte_offset + at.size] = bytes(at.size)
    path.write_bytes(content)
    assert run_import(path, tmp_path / 'out', '--rate', '5', '--instruction', 'go') == 1
    assert 'image 5 is damaged' in capsys.readouterr().err
    assert not (tmp_path / 'out' / 'a').exists()
    path.write_bytes(content[:100])
    assert run_import(path, tmp_path / 'out', '--rate', '5', '--instruction', 'go') == 1
    assert 'not a readable HDF5 file' in capsys.readouterr().err


@pytest.mark.parametrize('name, message', [
    ('a.mcap', 'a bag needs no import'), ('a.tar.gz', 'unpack it'),
    ('a.txt', 'cannot be imported; what can be'), ('none.csv', 'nothing at ')])
def test_what_is_no_source_is_told_apart(tmp_path, capsys, name, message):
    if name != 'none.csv':
        (tmp_path / name).write_bytes(b'x')
    assert run_import(tmp_path / name, tmp_path / 'out') == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('more', [['--speed', '0'], ['--turn', '-1'], ['--order', 'hsv'],
                                  ['--instruction', ' '], ['--rate', 'nan']])
def test_a_wrong_option_is_named(tmp_path, capsys, more):
    assert run_import(tmp_path / 'a.csv', tmp_path / 'out', *more) == 2
    assert more[0] in capsys.readouterr().err
