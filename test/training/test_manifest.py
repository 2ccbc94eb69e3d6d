"""What is in a dataset is what its manifest says: of which recording, in whose words."""

import json
import os
import shutil

import numpy as np
import pytest

pytest.importorskip('torch')
pytest.importorskip('rosbags')
from support.bags import BagWriter, image, picture, START, text, twist  # noqa: E402

from mobile_vla_ros.cli import dataset as verb, train as train_verb  # noqa: E402
from mobile_vla_ros.contract import Command, NS  # noqa: E402
from mobile_vla_ros.models.text import encode_text  # noqa: E402
from mobile_vla_ros.training.manifest import content_digest, Manifest  # noqa: E402
from mobile_vla_ros.training.shards import digest, read_shards  # noqa: E402


def record(path, look=0, hz=10, seconds=2.0):
    """Write a bag in which somebody drives on; return its folder."""
    path.parent.mkdir(exist_ok=True)
    with BagWriter(path) as bag:
        bag.put('/instruction', START, text('go on'))
        for i in range(round(seconds * hz)):
            now = START + round(i * NS / hz)
            bag.put('/image', now, image(picture(look, (32, 24)), now))
            bag.put('/cmd_vel', now + 10**7, twist(Command(0.3, 0.0, 0.1 * (i % 3))))
    return path


@pytest.fixture
def bag(tmp_path):
    return record(tmp_path / 'drives' / 'one')


def build(out, *bags, status=0):
    """Build a dataset by the verb."""
    assert verb.main(['build', *map(str, bags), '--out', str(out), '--processes', '1']) == status


def words_of(out):
    """Return the words that training hears."""
    return [e.words for e in read_shards(out)]


def times(out):
    return {path.name: path.stat().st_mtime_ns for path in out.iterdir()}


def test_other_words_take_the_place_of_the_old(bag, tmp_path, capsys):
    out = tmp_path / 'out'
    build(out, bag)
    old = {path.name for path in out.glob('one-*')}
    build(out, bag, '--instruction', 'follow the wall')
    assert 'takes the place of what was built of one before' in capsys.readouterr().out
    assert all(np.array_equal(words, encode_text('follow the wall')) for words in words_of(out))
    assert len(words_of(out)) == 2 and not old & {path.name for path in out.glob('one-*')}


def test_what_a_bag_is_called_and_when_it_was_touched_changes_nothing(bag, tmp_path, capsys):
    out = tmp_path / 'out'
    build(out, bag)
    before = times(out)
    for path in bag.iterdir():
        os.utime(path, (1, 1))
    build(out, bag)
    copy = shutil.copytree(bag, tmp_path / 'copy')
    build(out, copy)
    build(out, bag, copy)
    build(out, bag, f'{bag}/.', bag)
    assert times(out) == before
    told = capsys.readouterr().out
    assert told.count(f'is the same recording as {bag}, and counts once') == 4
    assert told.count(': 1 episodes') == 5, 'twice the same is one'
    shutil.rmtree(bag)
    build(out, copy)
    entry, = Manifest(out).entries.values()
    assert entry['name'] == 'copy' and times(out).keys() == before.keys()


def test_a_bag_that_changed_is_built_anew_and_once(bag, tmp_path, capsys):
    out = tmp_path / 'out'
    build(out, bag)
    shutil.rmtree(bag)
    record(bag, look=1)
    build(out, bag)
    assert len(read_shards(out)) == 2
    assert 'takes the place' in capsys.readouterr().out


def test_a_digest_is_of_the_messages_alone(bag, tmp_path):
    copy = shutil.copytree(bag, tmp_path / 'copy')
    (copy / 'metadata.yaml').write_text('other: words')
    assert content_digest(bag) == content_digest(copy) != content_digest(
        record(tmp_path / 'b', look=1))
    with pytest.raises(FileNotFoundError, match='no bag at'):
        content_digest(tmp_path / 'none')


def test_a_dataset_is_listed_and_a_recording_taken_out(bag, tmp_path, capsys):
    out, other = tmp_path / 'out', record(tmp_path / 'drives' / 'two', look=1)
    build(out, bag, other, '--no-mirror')
    assert len(read_shards(out)) == 2, 'no mirror images'
    capsys.readouterr()
    assert verb.main(['list', str(out), '--json', str(tmp_path / 'l.json')]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ['recording', 'one', 'two']
    assert all('go on  [no-mirror]' in line for line in lines[1:3])
    assert len(json.loads((tmp_path / 'l.json').read_text())) == 2
    assert verb.main(['remove', str(out), 'three', 'one']) == 2
    assert "has no recording 'three'; it has one, two" in capsys.readouterr().err
    assert len(read_shards(out)) == 2, 'nothing was removed'
    assert verb.main(['remove', str(out), 'one']) == 0
    assert {e.name for e in read_shards(out)} == {'two'} and not list(out.glob('one-*'))
    assert verb.main(['list', str(tmp_path)]) == 2
    assert 'is no dataset' in capsys.readouterr().err


def test_what_is_missing_is_refused_and_what_is_not_listed_left_out(bag, tmp_path, capsys):
    out = tmp_path / 'out'
    build(out, bag)
    for path in list(out.glob('one-*')):
        shutil.copy(path, path.with_name('x' + path.name))
    assert len(read_shards(out)) == 2
    assert 'is not in the manifest, and is left out' in capsys.readouterr().err
    next(out.glob('one-*.labels.npy')).unlink()
    with pytest.raises(ValueError, match='of one is missing or damaged; build that bag again'):
        read_shards(out)
    build(out, bag)
    assert len(read_shards(out)) == 2, 'as it says'


def test_a_dataset_of_an_older_version_is_refused(bag, tmp_path, capsys):
    out = tmp_path / 'out'
    build(out, bag)
    (out / 'dataset.manifest').unlink()
    with pytest.raises(ValueError, match='of an older version, without a dataset.manifest'):
        read_shards(out)
    build(out, bag, status=2)
    assert 'build it anew in another folder' in capsys.readouterr().err
    (out / 'dataset.manifest').write_text('{"version": 9, "recordings": {}}')
    with pytest.raises(ValueError, match='of version 9, this program reads 1'):
        read_shards(out)


def test_the_slow_camera_is_told(tmp_path, capsys):
    build(tmp_path / 'out', record(tmp_path / 'slow', hz=2, seconds=10.0))
    told = capsys.readouterr().out
    assert 'its camera gives 2.1 pictures a second, fewer than the 5 that are learned from' in told
    assert '49 frames of 1 bags, in which 20 were read; 9.8 s of driving' in told


def test_other_pictures_with_equal_labels_are_other_data(tmp_path):
    for number in range(2):
        build(tmp_path / f'o{number}', record(tmp_path / f'b{number}' / 'one', look=number))
    one, other = (read_shards(tmp_path / f'o{number}') for number in range(2))
    assert all(np.array_equal(a.labels, b.labels, equal_nan=True) for a, b in zip(one, other))
    assert digest(one) != digest(other)


def test_the_doctor_counts_a_recording_once(bag, tmp_path, capsys):
    copy = shutil.copytree(bag, tmp_path / 'copy')
    verb.main(['doctor', str(bag), str(copy), str(bag), '--json', str(tmp_path / 'd.json')])
    assert len(json.loads((tmp_path / 'd.json').read_text())['recordings']) == 1
    assert capsys.readouterr().out.count('is the same recording as') == 2


def test_a_start_that_is_no_weights_is_one_line(tmp_path, capsys):
    (tmp_path / 'best.onnx').write_bytes(bytes(range(256)) * 100)
    for start, words in (('best.onnx', 'best.onnx'), ('shiped', 'which is not there')):
        assert train_verb.main(['--data', str(tmp_path), '--out', str(tmp_path / 'o'), '--start',
                                str(tmp_path / start)]) == 2
        line, = capsys.readouterr().err.splitlines()
        assert 'a .safetensors file' in line and words in line and len(line) < 400
