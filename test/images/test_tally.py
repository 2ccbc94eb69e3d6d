"""Every verb names what it cannot read, and says in how many of how many frames."""

import json

import numpy as np
import pytest

pytest.importorskip('rosbags')
from support.bags import BagWriter, image, jpeg, picture, START, text, TEXT, twist  # noqa: E402

from mobile_vla_ros.cli import dataset, export, replay  # noqa: E402
from mobile_vla_ros.contract import NS  # noqa: E402
from mobile_vla_ros.errors import MessageError  # noqa: E402
from mobile_vla_ros.images.tally import KINDS, Tally  # noqa: E402
from support.paths import ROOT  # noqa: E402

FRAMES = 30
PARTLY = "10 of 30 frames cannot be read: encoding 'yuv420' (8), data of the wrong length (2)"
WHOLLY = "30 of 30 frames cannot be read: encoding 'yuv420'; have the camera send rgb8, bgr8, " \
    'yuv422_yuy2, nv12 or JPEG'


def record(path, spoil):
    """Write three seconds of driving, `spoil(number, message)` for each picture."""
    with BagWriter(path) as bag:
        bag.put('/instruction', START, text(TEXT))
        for number in range(FRAMES):
            ns = START + round((0.02 + number / 10) * NS)
            bag.put('/image', ns, spoil(number, image(picture(number, (64, 48)), ns)))
            bag.put('/cmd_vel', ns + NS // 100, twist((0.2, 0.1 * np.sin(number / 9), 0.1)))
    return path


def renamed(encoding):
    def rename(number, msg):
        msg.encoding = encoding
        return msg
    return rename


def partly(number, msg):
    msg.encoding = 'yuv420' if number in range(5, 13) else msg.encoding
    msg.data = msg.data[:-1] if number in (20, 25) else msg.data
    return msg


def cut(number, msg):
    small = jpeg(picture(number, (64, 48)), START)
    small.data = small.data[:-9]
    return small


@pytest.fixture(scope='module')
def bags(tmp_path_factory):
    folder = tmp_path_factory.mktemp('tally')
    return {name: record(folder / name, spoil) for name, spoil in (
        ('partly', partly), ('wholly', renamed('yuv420')), ('cut', cut),
        ('nameless', renamed('8UC3')))}


def said(capsys, verb, *args):
    status = verb.main([*map(str, args)])
    out = capsys.readouterr()
    assert 'Traceback' not in out.err
    return status, out.out + out.err


def test_the_doctor_looks_at_every_frame(bags, tmp_path, capsys):
    out, html = tmp_path / 'd.json', tmp_path / 'd.html'
    status, words = said(capsys, dataset, 'doctor', *bags.values(), '--json', out, '--html', html)
    told = {row['name']: row for row in json.loads(out.read_text())['recordings']}
    assert status == 1 and f'partly ({PARTLY})' in words
    assert f'wholly ({WHOLLY.split(";")[0]})' in words and 'have the camera send rgb8' in words
    assert 'cut (30 of 30 frames cannot be read: cut short)' in words
    assert 'its colours: nameless (8UC3, taken as bgr8)' in words
    assert {name: row['unreadable'] for name, row in told.items()} == {
        'partly': 10, 'wholly': 30, 'cut': 30, 'nameless': 0}
    assert (told['partly']['why_unreadable'], told['nameless']['assumed']) \
        == (PARTLY, '8UC3, taken as bgr8')
    assert "encoding 'yuv420'" in html.read_text().replace('&#x27;', "'")


def test_a_build_says_why_nothing_came_of_a_bag(bags, tmp_path, capsys):
    pytest.importorskip('torch')

    def build():
        return said(capsys, dataset, 'build', *bags.values(), '--out', tmp_path / 'data',
                    '--processes', 1, '--every-frame')
    status, words = build()
    assert status == 1 and f'refused: {bags["wholly"]}: {WHOLLY}\n' in words
    assert f'{bags["cut"]}: 30 of 30 frames cannot be read: cut short; look at' in words
    assert f'{bags["partly"]}: {PARTLY}\n' in words
    assert f'{bags["nameless"]}: 8UC3, taken as bgr8\n' in words
    assert 'nobody drives' not in words
    assert build()[1] == words  # from what is there already


def test_a_replay_says_what_it_could_not_read(bags, tmp_path, capsys):
    out, html = tmp_path / 'r.json', tmp_path / 'r.html'
    status, words = said(capsys, replay, bags['partly'], '--json', out, '--html', html)
    row, = json.loads(out.read_text())['recordings']
    assert status == 0 and f'  partly: {PARTLY}\n' in words
    assert (row['frames'], row['unreadable'], row['why_unreadable']) == (30, 10, PARTLY)
    assert PARTLY in html.read_text().replace('&#x27;', "'")
    assert 'nameless: 8UC3, taken as bgr8' in said(capsys, replay, bags['nameless'])[1]
    assert said(capsys, replay, bags['wholly']) == (2, f'error: {bags["wholly"]}: {WHOLLY}\n')


def test_an_export_says_what_it_could_not_read(bags, tmp_path, capsys):
    pytest.importorskip('h5py')
    status, words = said(capsys, dataset, 'export', *bags.values(), '--to', 'hdf5', '--out',
                         tmp_path / 'out')
    assert status == 1 and f'refused: {bags["wholly"]}: {WHOLLY}\n' in words
    assert f'{bags["partly"]}: {PARTLY}\n' in words
    assert f'{bags["nameless"]}: 8UC3, taken as bgr8\n' in words


def test_quantizing_says_what_it_could_not_read(bags, tmp_path, capsys):
    pytest.importorskip('onnx')
    shipped = ROOT / 'checkpoints' / 'default.onnx'
    status, words = said(capsys, export, shipped, tmp_path / 'a.onnx', '--int8', bags['wholly'])
    assert status == 2 and f'{bags["wholly"]}: {WHOLLY}' in words


def test_a_tally_stays_small_and_its_words_short():
    tally = Tally()
    for number in range(3 * KINDS):
        tally.frames += 1
        tally.add(MessageError('size', 'x', f'size {number}x1'))
    tally.add(RuntimeError('a codec has a surprise'))
    assert len(tally.causes) == KINDS + 1 and tally.unreadable == 3 * KINDS + 1
    assert len(tally.words) < 200 and 'other' in tally.words


def test_nothing_wrong_is_nothing_to_say():
    tally = Tally()
    assert tally.read(lambda msg: 'picture', None) == 'picture'
    assert (tally.frames, tally.words, tally.reason('nobody drives')) == (1, '', 'nobody drives')
    tally.frames = 2
    tally.add(MessageError('size', 'x', 'size 0x1'))
    assert tally.reason('nobody drives').startswith('nobody drives; 1 of 2 frames cannot be read')
