"""Recorded driving to a dataset, and training on it."""

import json
import shutil

import numpy as np
import pytest
import yaml

pytest.importorskip('torch')
pytest.importorskip('rosbags')
from support.bags import (  # noqa: E402
    BagWriter, image, ODD_TOLD, START, text, twist, write, write_odd)
from support.expert_drive import write_bag  # noqa: E402

from mobile_vla_ros.cli import dataset as verb, train as train_verb  # noqa: E402
from mobile_vla_ros.contract import Command, NS  # noqa: E402
from mobile_vla_ros.data.bag_paths import bags_in  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.data.episode import EpisodeWriter  # noqa: E402
from mobile_vla_ros.images.decode import decode  # noqa: E402
from mobile_vla_ros.models.checkpoint import load_model  # noqa: E402
from mobile_vla_ros.models.text import encode_text  # noqa: E402
from mobile_vla_ros.preprocessing import IMAGE  # noqa: E402
from mobile_vla_ros.training.augment import AUGMENTATIONS  # noqa: E402
from mobile_vla_ros.training.features import Encoder  # noqa: E402
from mobile_vla_ros.training.shards import read_shards  # noqa: E402

GO = Command(0.3, 0.0, 0.0)
STILL = Command(0.0, 0.0, 0.0)


@pytest.fixture(scope='module')
def bags(tmp_path_factory):
    folder = tmp_path_factory.mktemp('bags')
    for i in range(2):
        write_bag(folder / f'bag{i}', 1_500_000 + i, seconds=5.0)
    return [folder / f'bag{i}' for i in range(2)]


@pytest.fixture(scope='module')
def built(bags, tmp_path_factory):
    out = tmp_path_factory.mktemp('dataset') / 'out'
    assert verb.main(['build', *map(str, bags), '--out', str(out)]) == 0
    return out


def test_a_bag_becomes_features_commands_and_their_mirror_images(bags, built):
    episodes = read_shards(built)
    assert len(episodes) == 4
    with Bag(bags[0]) as bag:
        events = list(bag.events())
    recorded = [event.value for event in events if event.kind == 'command']
    real, mirrored = (e for e in episodes if e.name == 'bag0')
    driven = real.labels[:, real.side, real.color]
    assert len(driven) >= 20
    for command in driven:
        assert np.abs(np.array(recorded) - command).max(1).min() < 1e-6
    assert np.array_equal(driven * [1, -1, -1],
                          mirrored.labels[:, mirrored.side, mirrored.color])
    assert real.tasks == [(real.side, real.color)] and real.original and not mirrored.original
    first = next(decode(event.value) for event in events if event.kind == 'image')
    assert np.asarray(real.grids[0, 112:], np.float32).mean() == pytest.approx(
        first.mean() / 255, abs=0.02)


def test_what_is_built_is_not_built_again(bags, built, capsys):
    before = {path: path.stat().st_mtime_ns for path in built.iterdir()}
    assert verb.main(['build', *map(str, bags), '--out', str(built)]) == 0
    assert {path: path.stat().st_mtime_ns for path in built.iterdir()} == before
    assert '2 episodes' in capsys.readouterr().out


def test_every_frame_is_learned_once_and_as_far_apart_as_always(bags, built, tmp_path, capsys):
    out = tmp_path / 'out'
    assert verb.main(['build', str(bags[0]), '--out', str(out), '--every-frame']) == 0
    told, = [json.loads(path.read_text()) for path in out.glob('bag0-*.json')]
    own = [row for row in told if row['own']]
    with Bag(bags[0]) as bag:
        stamps = [event.received_ns for event in bag.events() if event.kind == 'image']
    turns = round(0.2 * NS / np.median(np.diff(stamps)))
    assert turns > 1 and len(own) == turns and len(told) == 2 * turns
    assert {row['name'] for row in told} == {bags[0].stem}
    assert len({row['recording'] for row in told}) == 1, 'held out together'
    frames = [len(episode.grids) for episode in read_shards(out)]
    assert max(frames) - min(frames) <= 1
    assert f'{sum(frames) // 2} frames' in capsys.readouterr().out
    grids = np.concatenate([episode.grids for episode in read_shards(out)])
    assert len(np.unique(grids.reshape(len(grids), -1), axis=0)) > 0.9 * len(grids)
    usual = next(episode for episode in read_shards(built)
                 if episode.name == bags[0].stem)
    assert abs(len(usual.grids) - frames[0]) <= 1


def test_an_episode_is_multiplied_by_the_recipe_of_its_distance(bags, tmp_path, capsys):
    out = tmp_path / 'out'
    assert verb.main(['build', str(bags[0]), '--out', str(out), '--augment', 'recorded']) == 1
    assert 'no distance was recorded' in capsys.readouterr().err
    labelled = tmp_path / 'labelled'
    shutil.copytree(bags[0], labelled)
    described = yaml.safe_load((labelled / 'metadata.yaml').read_text())
    described['rosbag2_bagfile_information']['custom_data'] = {'distance': 'close'}
    (labelled / 'metadata.yaml').write_text(yaml.safe_dump(described))
    assert verb.main(['build', str(labelled), '--out', str(out), '--augment', 'recorded',
                      '--instruction', 'go left']) == 0
    assert '1 episodes' in capsys.readouterr().out, 'copies are not counted as recordings'
    episodes = read_shards(out)
    assert len(episodes) == AUGMENTATIONS['close'].copies == 8
    assert (AUGMENTATIONS['medium'].copies, AUGMENTATIONS['far'].copies) == (5, 8)
    words = [encode_text(text) for text in ('go left', 'go right')]
    assert all(np.array_equal(e.words, words[number % 2]) for number, e in enumerate(episodes))
    assert [e.original for e in episodes] == [True] + [False] * 7
    assert len({e.seed for e in episodes}) == 1, 'copies are never split between train and test'
    lengths = [len(e.grids) for e in episodes]
    assert lengths[0] == lengths[1] == min(lengths) < max(lengths), 'precision is driven slowly'


def test_a_folder_of_episodes_is_the_bags_in_it(tmp_path, capsys):
    drives = tmp_path / 'drives'
    for name in ('b', 'a', '.a.repairing'):
        write(drives / name)
    EpisodeWriter(drives / 'killed', {})
    (drives / 'notes').mkdir()
    (drives / 'notes.txt').write_text('sunny')
    assert bags_in(drives) == [drives / name for name in ('a', 'b', 'killed')]
    for path in (drives / 'a', drives / 'killed', drives / 'notes', drives / 'notes.txt',
                 tmp_path / 'nowhere'):
        assert bags_in(path) == [path]
    assert verb.main(['build', str(drives), '--out', str(tmp_path / 'out')]) == 1
    told = capsys.readouterr()
    assert '2 episodes' in told.out and 'of 2 bags' in told.out
    line, = told.err.strip().splitlines()
    assert line.startswith(f'refused: {drives / "killed"}: ')
    assert verb.main(['build', str(drives / 'notes'), '--out', str(tmp_path / 'out')]) == 1
    line, = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f'refused: {drives / "notes"}: ')
    assert verb.main(['doctor', str(drives), '--json', str(tmp_path / 'd.json')]) == 1
    told = json.loads((tmp_path / 'd.json').read_text())
    assert [row['name'] for row in told['recordings']] == ['a', 'b', 'killed']


def test_every_action_shows_an_example(capsys):
    for action in ('build', 'doctor', 'import', 'export', 'repair'):
        with pytest.raises(SystemExit):
            verb.main([action, '--help'])
        shown = ' '.join(capsys.readouterr().out.split())
        assert f'example: python -m mobile_vla_ros dataset {action} ' in shown


def take_over(folder, spans, topic='/cmd_vel_joy'):
    """Write 10 s in which a policy turns right, and an operator left during `spans` (s)."""
    left, right = Command(0.2, 0.3, 0.0), Command(0.2, -0.3, 0.0)
    with BagWriter(folder) as bag:
        def put(name, seconds, msg):
            bag.put(name, START + round(seconds * NS), msg)
        put('/instruction', 0.0, text('go left'))
        for i in range(1, 200):
            now = i / 20
            if i % 2:
                put('/image', now, image(np.full((24, 32, 3), i, np.uint8), 0))
            takes = any(start <= now < end for start, end in spans)
            lets_go = any(end <= now < end + 0.3 for _, end in spans)
            if takes or lets_go:
                put(topic, now + 0.01, twist(left if takes else STILL))
            put('/cmd_vel', now + 0.02, twist(left if takes else right))


def test_corrections_are_what_the_operator_did_and_nothing_else(tmp_path, capsys):
    take_over(tmp_path / 'bag', [(2.0, 4.0), (7.0, 8.0)])
    args = ['build', str(tmp_path / 'bag'), '--out', str(tmp_path / 'out')]
    assert verb.main([*args, '--corrections']) == 0
    assert '2 episodes' in capsys.readouterr().out
    episodes = read_shards(tmp_path / 'out')[::2]
    assert [len(e.labels) for e in episodes] == [12, 7], 'with the last pictures before it'
    for episode in episodes:
        driven = episode.labels[:, episode.side, episode.color]
        assert driven == pytest.approx(np.tile([0.2, 0.3, 0.0], (len(driven), 1))), \
            'not what the policy did, nor the zero of a stick let go'
    rows = json.loads(next((tmp_path / 'out').glob('bag-*.json')).read_text())
    assert all(row['correction'] for row in rows)
    take_over(tmp_path / 'none', [])
    assert verb.main(['build', str(tmp_path / 'none'), '--out', str(tmp_path / 'other'),
                      '--corrections']) == 1
    assert 'nobody took over' in capsys.readouterr().err


def test_a_bag_that_cannot_be_taken_is_named_and_the_others_are_built(bags, tmp_path, capsys):
    broken = tmp_path / 'broken.mcap'
    broken.write_bytes(b'nonsense')
    status = verb.main(['build', str(broken), str(bags[0]), str(tmp_path / 'none.bag'),
                        '--out', str(tmp_path / 'out')])
    told = capsys.readouterr()
    assert status == 1 and '1 episodes' in told.out
    lines = told.err.strip().splitlines()
    assert any('refused' in line and 'broken.mcap' in line for line in lines)
    assert any('refused: no bag at' in line for line in lines)


def test_train_takes_a_dataset_with_words_of_its_own(bags, tmp_path, capsys):
    data, out = tmp_path / 'data', tmp_path / 'out'
    assert verb.main(['build', *map(str, bags), '--out', str(data),
                      '--instruction', 'follow the corridor']) == 0
    episodes = read_shards(data)
    assert all(np.array_equal(e.words, encode_text('follow the corridor')) for e in episodes)
    assert all(e.tasks == [(0, 0)] for e in episodes)
    assert train_verb.main(['--data', str(data), '--out', str(out), '--epochs', '1',
                            '--start', 'shipped']) == 0
    metrics = json.loads((out / 'metrics.json').read_text())
    assert metrics['export_error'] < 1e-4 and len(metrics['open_loop']['mae']) == 3
    assert len(metrics['held_out']) == 1 and metrics['held_out'][0] in {b.stem for b in bags}
    told = capsys.readouterr()
    assert 'strategy best: the base moves sideways; --strategy takes another' in told.out
    assert 'not say which recordings it learned from' not in told.out, 'the shipped one knows none'
    assert all(f'warning: {line}' in told.err for line in metrics['warnings'])
    data_of = load_model(out / 'best.safetensors')[1].data
    assert len(data_of['recordings']) == len(data_of['held_out']) == 1
    assert set(data_of['recordings']).isdisjoint(data_of['held_out'])
    assert (out / 'curves.png').stat().st_size > 10_000 and (out / 'best.onnx').exists()
    assert train_verb.main(['--data', str(data), '--out', str(tmp_path / 'new'),
                            '--resume']) == 2
    assert 'no training to resume' in capsys.readouterr().err


def test_pictures_are_kept_beside_their_features_if_asked_for(bags, tmp_path):
    def images():
        return sorted(path.name for path in (tmp_path / 'o').glob('*.images.npy'))
    build = ['build', str(bags[0]), '--out', str(tmp_path / 'o')]
    assert verb.main(build) == 0 and not images()
    before = read_shards(tmp_path / 'o')
    assert verb.main([*build, '--pictures']) == 0
    name, = images()
    pictures = np.load(tmp_path / 'o' / name, mmap_mode='r')
    real, mirrored = read_shards(tmp_path / 'o')
    assert pictures.dtype == np.uint8 and pictures.shape[1:] == (IMAGE, IMAGE, 3)
    assert len(pictures) == len(real.labels) + len(mirrored.labels)
    first, first_mirrored = pictures[0], pictures[len(real.labels)]
    assert np.array_equal(first[:, ::-1], first_mirrored)
    encoder = Encoder(tmp_path / 'o')
    assert np.allclose(encoder(np.ascontiguousarray(first)), real.grids[0], atol=0.05)
    assert all(np.array_equal(a.grids, b.grids) for a, b in zip(before, (real, mirrored)))


def test_words_of_ones_own_stay_and_are_mirrored_only_for_certain(bags, tmp_path, capsys):
    for said, other in (('never go left, avoid the red car', 'never go right, avoid the red car'),
                        ('왼쪽으로 지나 빨간 병에 멈춰', '오른쪽으로 지나 빨간 병에 멈춰'),
                        ('follow the wall', 'follow the wall'), ('turn L at the desk', None)):
        assert verb.main(['build', str(bags[0]), '--out', str(tmp_path / 'o'),
                          '--instruction', said]) == 0
        episodes = read_shards(tmp_path / 'o')
        rows, = (json.loads(path.read_text()) for path in (tmp_path / 'o').glob('bag0-*.json'))
        assert [row['own_words'] for row in rows] == list(filter(None, (said, other)))
        assert [row['mirrored'] for row in rows] == [False, True][:len(rows)]
        assert all(np.array_equal(e.words, encode_text(row['own_words']))
                   for e, row in zip(episodes, rows))
        if other:
            turned = episodes[0].labels[:, 0, 0] * [1, -1, -1]
            assert np.array_equal(turned, episodes[1].labels[:, 0, 0])
    assert '1 episodes are not mirrored: their words may name a side' in capsys.readouterr().out


def test_what_is_left_out_is_told_whenever_it_is_built(tmp_path, capsys):
    bag = write_odd(tmp_path / 'odd')
    for _ in range(2):  # the second time it is only looked up
        assert verb.main(['build', str(bag), '--out', str(tmp_path / 'out'),
                          '--processes', '1']) == 0
        said = capsys.readouterr().out
        assert '3 episodes, 30 frames of 1 bags, in which 60 were read; 6.0 s of driving' in said
        assert all(f'{bag}: {words}\n' in said for words in ODD_TOLD)
