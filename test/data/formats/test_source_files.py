"""What a recording of another program names: its own files only, sized and looked at first."""

import os
import resource

import cv2
import numpy as np
import pytest

pytest.importorskip('rosbags')

from mobile_vla_ros.cli import dataset as verb  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.data.formats.source_files import MOST_PICTURE, MOST_TEXT  # noqa: E402
from support.sources import run_import, write_table  # noqa: E402
from support.tubs import change_record, import_tub, make_tub  # noqa: E402

HEAD = 'image,time_s,linear_x,angular_z,instruction'


def table_with(folder, name, count=4):
    """Return a table whose third line names this picture."""
    return write_table(folder / 'a.csv', HEAD, count,
                       lambda i: f'"{name if i == 1 else "0.jpg"}",{i},1,0,go')


def tub_with(folder, name):
    tub = make_tub(folder, 4)
    change_record(tub, 1, **{'cam/image_array': name})
    return tub


SOURCES = {'csv': (lambda path, name: table_with(path, name), run_import, 'a.csv, line 3: '),
           'tub': (lambda path, name: tub_with(path, name), import_tub,
                   'catalog_0.catalog, line 2: ')}


@pytest.mark.parametrize('kind', SOURCES)
@pytest.mark.parametrize('name, message', [
    ('{secret}', 'leads out of'), ('../secret.jpg', 'leads out of'),
    ('../../secret.jpg', 'leads out of'), ('x/../../../secret.jpg', 'leads out of'),
    (r'..\..\secret.jpg', 'leads out of'), (r'C:\secret.jpg', 'leads out of'),
    ('C:secret.jpg', 'leads out of'), (r'\\host\share\a.jpg', 'leads out of'),
    ('//host/share/a.jpg', 'leads out of'), ('link.jpg', 'leads out of'),
    ('folder/secret.jpg', 'leads out of'), ('round.jpg', 'no file'), ('folder', 'leads out of'),
    ('pipe.jpg', 'no file'), ('nothing.jpg', 'no file'), (' ', 'is not the path of a file'),
    ('a\0.jpg', 'is not the path of a file')])
def test_a_picture_path_that_leaves_the_folder_is_refused(tmp_path, capsys, kind, name, message):
    secret = tmp_path / 'secret.jpg'
    cv2.imwrite(str(secret), np.full((24, 32, 3), 77, np.uint8))
    if kind == 'csv' and '\0' in name:
        pytest.skip('the csv module of Python 3.10 refuses the whole file')
    make, start, place = SOURCES[kind]
    source = make(tmp_path / 'in', name.format(secret=secret))
    pictures = tmp_path / 'in' / ('images' if kind == 'tub' else '')
    (pictures / 'link.jpg').symlink_to(secret)
    (pictures / 'folder').symlink_to(tmp_path)
    (pictures / 'round.jpg').symlink_to('round.jpg')
    os.mkfifo(pictures / 'pipe.jpg')
    assert start(source, tmp_path / 'out') == 1
    line, = capsys.readouterr().err.strip().splitlines()
    assert place in line and message in line and not (tmp_path / 'out').exists()


@pytest.mark.parametrize('kind', SOURCES)
def test_a_picture_in_a_folder_below_is_read_with_either_slash(tmp_path, kind):
    make, start, _ = SOURCES[kind]
    for number, name in enumerate(('sub/1.jpg', r'sub\1.jpg', r'.\sub\1.jpg', 'inner.jpg')):
        source = make(tmp_path / f'in{number}', name)
        pictures = tmp_path / f'in{number}' / ('images' if kind == 'tub' else '')
        (pictures / 'sub').mkdir()
        cv2.imwrite(str(pictures / 'sub' / '1.jpg'), np.zeros((24, 32, 3), np.uint8))
        (pictures / 'inner.jpg').symlink_to('sub/1.jpg')
        assert start(source, tmp_path / f'out{number}') == 0


def test_a_tub_whose_pictures_lie_elsewhere_is_refused(tmp_path, capsys):
    tub = make_tub(tmp_path / 'tub', 4)
    (tub / 'images').rename(tmp_path / 'elsewhere')
    (tub / 'images').symlink_to(tmp_path / 'elsewhere')
    assert import_tub(tub, tmp_path / 'out') == 1
    assert 'leads out of' in capsys.readouterr().err


def damaged():
    """Return what pictures can be that no reader takes, by what is said of them."""
    jpeg = cv2.imencode('.jpg', np.random.default_rng(0).integers(
        0, 255, (48, 64, 3), np.uint8))[1].tobytes()
    png = cv2.imencode('.png', np.zeros((48, 64, 3), np.uint8))[1].tobytes()
    at = jpeg.index(b'\xff\xc0') + 5
    huge = jpeg[:at] + b'\xff\xff\xff\xff' + jpeg[at + 4:]
    return {'0 bytes': b'', 'cut short': jpeg[:-40], 'is neither JPEG nor PNG': b'GIF89a' + jpeg,
            'no frame header': jpeg[:6], '64x48 is cut short': png[:-20],
            'image size 65535x65535': huge}


@pytest.mark.parametrize('kind', SOURCES)
@pytest.mark.parametrize('message', damaged())
def test_a_picture_that_cannot_be_read_is_left_out_and_told(tmp_path, capsys, kind, message):
    make, start, _ = SOURCES[kind]
    source = make(tmp_path / 'in', 'bad.jpg') if kind == 'csv' else make_tub(tmp_path / 'in', 4)
    name = tmp_path / 'in' / 'bad.jpg' if kind == 'csv' else \
        tmp_path / 'in' / 'images' / '1_cam_image_array_.jpg'
    name.write_bytes(damaged()[message])
    assert start(source, tmp_path / 'out') == 0
    told = capsys.readouterr().out
    assert '3 of 4 frames' in told and '1 whose picture cannot be read' in told
    assert message in told and 'line ' + {'csv': '3', 'tub': '2'}[kind] in told
    with Bag(next((tmp_path / 'out').iterdir())) as bag:
        kinds = [event.kind for event in bag.events()]
        assert kinds.count('image') == kinds.count('command') == 3
        assert '1 whose picture cannot be read' in bag.info['left_out']


def test_a_source_without_one_picture_that_can_be_read_is_refused(tmp_path, capsys):
    tub = make_tub(tmp_path / 'tub', 4)
    for picture in (tub / 'images').iterdir():
        picture.write_bytes(b'')
    assert import_tub(tub, tmp_path / 'out') == 1
    assert 'none of its 4 frames can be used: 4 whose' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('name', ['images/1_cam_image_array_.jpg', 'catalog_0.catalog',
                                  'manifest.json', 'a.csv'])
def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path, capsys, name):
    source = write_table(tmp_path / 'a.csv') if name == 'a.csv' else make_tub(tmp_path / 'tub', 4)
    large = source if name == 'a.csv' else source / name
    most = MOST_PICTURE if large.suffix == '.jpg' else MOST_TEXT
    with large.open('r+b') as file:
        file.truncate(most + 1)  # of which the disk holds next to nothing
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert import_tub(source, tmp_path / 'out') == 1
    line, = capsys.readouterr().err.strip().splitlines()
    assert f'{large}: has {most + 1} bytes, more than' in line
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 2**17, 'KiB'
    assert not (tmp_path / 'out' / 'tub').exists()


def test_the_other_sources_go_on_and_it_is_said_how_many(tmp_path, capsys):
    good, bad = make_tub(tmp_path / 'good', 4), tub_with(tmp_path / 'bad', '/etc/hostname')
    table = table_with(tmp_path / 'in', '0.jpg')
    twin = make_tub(tmp_path / 'again' / 'good', 4)
    out = tmp_path / 'out'
    assert verb.main(['import', str(bad), str(good), str(tmp_path / 'none'), str(table), str(twin),
                      '--out', str(out), '--instruction', 'go']) == 1
    told = capsys.readouterr()
    assert f'{out}: imported 2 of 5 sources' in told.out
    refused = told.err.strip().splitlines()
    assert len(refused) == 3 and 'bad/catalog_0' in refused[0] and 'none' in refused[1]
    assert refused[2].startswith(f'refused: {twin}: {good} has the same name')
    assert sorted(path.name for path in out.iterdir()) == ['a', 'good']


def folder_of(*names):
    def make(path):
        for name in names:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text('{}')
    return make


ACCEPTED = 'what can be imported is the folder of a DonkeyCar tub (manifest.json, '


@pytest.mark.parametrize('make, messages', [
    (lambda path: path.mkdir(), ['not a DonkeyCar tub', 'but nothing;', ACCEPTED]),
    (folder_of('meta/info.json'), ['a LeRobot dataset', ACCEPTED]),
    (folder_of('a.txt', 'b.txt'), ['but a.txt, b.txt', ACCEPTED]),
    (folder_of(*(f'{i}.jpg' for i in range(9))), ['5.jpg and 3 more', ACCEPTED]),
    (folder_of('tub_1/manifest.json', 'tub_2/manifest.json'), ['holds 2 tubs; give each']),
    (folder_of('record_1.json', 'meta.json'), ['a version 1 tub', 'convert_to_tub_v2.py']),
    (folder_of('a.csv', 'IMG/1.jpg'), ['give the file in it: ', 'a.csv']),
    (folder_of('drive/metadata.yaml'), ['holds bags, which need no import']),
    (folder_of('x_0.mcap'), ['a bag needs no import'])])
def test_a_folder_that_is_no_tub_says_what_was_found(tmp_path, capsys, make, messages):
    make(tmp_path / 'in')
    assert run_import(tmp_path / 'in', tmp_path / 'out') == 1
    line, = capsys.readouterr().err.strip().splitlines()
    assert all(message in line for message in messages), line


@pytest.mark.parametrize('head, row, message', [
    (HEAD.replace(',', ';'), '0.jpg;0;0,3;0,1;go', "separated by ';'; write them with commas"),
    ('0.jpg,0.1,0.2,0.3', '0.jpg,0.1,0.2,0.3', "its first line, '0.jpg,0.1,0.2,0.3', must name"),
    (HEAD + ',image', '0.jpg,0,1,1,go,0.jpg', 'has the column image twice'),
    ('image,time_s,linear_x,angular_z', '0.jpg,1e300,1,0', 'a frame at 2.14748e+09 s'),
    (HEAD, '0.jpg,0,1,1,', 'has no words for what was driven')])
def test_a_table_says_how_it_is_written(tmp_path, capsys, head, row, message):
    table = write_table(tmp_path / 'a.csv', head, 1, lambda i: row)
    assert run_import(table, tmp_path / 'out') == 1
    assert message in capsys.readouterr().err


def test_blanks_after_commas_mean_nothing_and_a_missing_number_is_told(tmp_path, capsys):
    table = write_table(tmp_path / 'a.csv', HEAD.replace(',', ', '), 4,
                        lambda i: f' 0.jpg , {i}, {"" if i == 2 else 1}, 0 , go left ')
    assert run_import(table, tmp_path / 'out') == 0
    told = capsys.readouterr().out
    assert '3 of 4 frames' in told and '1 without a command (first: line 4' in told
