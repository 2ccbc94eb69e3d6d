"""DonkeyCar tubs as episodes, and what is learned from real ones."""

import json
import tarfile

import numpy as np
import pytest

pytest.importorskip('rosbags')

from mobile_vla_ros.cli import replay as replay_verb  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.data.formats.donkeycar import read_tub  # noqa: E402
from mobile_vla_ros.images.decode import decode  # noqa: E402
from support.paths import ROOT  # noqa: E402
from support.tubs import change_record, import_tub, make_tub  # noqa: E402

DATA = ROOT.parent / 'shared' / 'data'
real = pytest.mark.skipif(not DATA.exists(), reason='the recordings of others are not here')


def test_a_tub_becomes_an_episode(tmp_path):
    tub = make_tub(tmp_path / 'tub_1', deleted=[3, 4])
    assert import_tub(tub, tmp_path / 'out', '--speed', '2', '--turn', '3') == 0
    with Bag(tmp_path / 'out' / 'tub_1') as bag:
        events = list(bag.events())
    images = [event for event in events if event.kind == 'image']
    commands = [event.value for event in events if event.kind == 'command']
    assert [int(decode(event.value).mean() / 20 + 0.5) for event in images] == [
        0, 1, 2, *range(5, 12)]
    assert np.diff([event.stamp_ns for event in images[:3]]).tolist() == [60_000_000] * 2
    assert commands[1].linear_x == 1.0 and commands[1].linear_y == 0.0
    assert commands[1].angular_z == pytest.approx(-3 * 1 / 20), 'to the right is negative'
    assert events[0].value == 'follow the track'


@pytest.mark.parametrize('breaking, message', [
    (lambda tub: (tub / 'manifest.json').unlink(), 'not a DonkeyCar tub'),
    (lambda tub: (tub / 'manifest.json').write_text('{}'), 'not the manifest of a version 2 tub'),
    (lambda tub: (tub / 'images' / '7_cam_image_array_.jpg').unlink(), 'line 8: no '),
    (lambda tub: (tub / 'catalog_0.catalog').write_text('{"_index": 0}\n'),
     "line 1: has no '_timestamp_ms'"),
    (lambda tub: (tub / 'catalog_0.catalog').write_text(''), 'has no records')])
def test_a_broken_tub_is_refused_in_one_line(tmp_path, capsys, breaking, message):
    tub = make_tub(tmp_path / 'tub')
    breaking(tub)
    assert import_tub(tub, tmp_path / 'out') == 1
    line, = capsys.readouterr().err.strip().splitlines()
    assert line.startswith('refused: ') and message in line
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('values, message', [
    ({'user/angle': '0.5'}, "user/angle is '0.5', wanted a number"),
    ({'user/throttle': True}, 'user/throttle is True, wanted a number'),
    ({'user/throttle': None}, 'user/throttle is None, wanted a number'),
    ({'user/throttle': 10**400}, 'wanted a number'),
    ({'user/angle': ...}, "has no 'user/angle'"),
    ({'user/mode': 'local', 'pilot/angle': [1]}, 'pilot/angle is [1], wanted a number'),
    ({'user/mode': 7}, 'user/mode is 7, wanted a text'),
    ({'_index': [3]}, '_index is [3], wanted a whole number'),
    ({'_index': 5}, 'index 5 is also in catalog_0.catalog, line 4'),
    ({'_timestamp_ms': '1600000000180'}, "_timestamp_ms is '1600000000180', wanted a number"),
    ({'_timestamp_ms': float('nan')}, '_timestamp_ms is nan, wanted a finite number'),
    ({'cam/image_array': ...}, "has no 'cam/image_array'"),
    ({'cam/image_array': 3}, '3 is not the path of a file'),
    ({'cam/image_array': 'a' * 5000}, 'no file ')])
def test_a_record_that_makes_no_sense_is_named(tmp_path, capsys, values, message):
    tub = make_tub(tmp_path / 'tub')
    change_record(tub, 3, **values)
    assert import_tub(tub, tmp_path / 'out') == 1
    line, = capsys.readouterr().err.strip().splitlines()
    number = 6 if values.get('_index') == 5 else 4
    assert line.startswith(f'refused: {tub}/catalog_0.catalog, line {number}: ')
    assert message in line and not (tmp_path / 'out').exists()


@pytest.mark.parametrize('number, ms, message', [
    (0, -1, 'has a frame at -0.001 s, must be more than 0'),
    (11, 2**63, 'has a frame at 2.14748e+09 s, must be'), (11, 10**500, 'wanted a number'),
    (11, 1e300, 'less than 2147483648 s'), (0, 0, 'has a frame at 0 s'),
    (5, -10**30, 'go back after frame 5')])
def test_a_time_that_no_stamp_can_say_is_refused(tmp_path, capsys, number, ms, message):
    tub = make_tub(tmp_path / 'tub')
    change_record(tub, number, _timestamp_ms=ms)
    assert import_tub(tub, tmp_path / 'out') == 1
    line, = capsys.readouterr().err.strip().splitlines()
    assert message in line and not (tmp_path / 'out').exists()
    if ms not in (10**500,):
        assert import_tub(tub, tmp_path / 'out', '--rate', '20') == 0, 'times are not needed then'


@pytest.mark.parametrize('text', [
    '{}', '[' * 100_000, '5', '{"paths": ["catalog_0.catalog"]}',
    '{"paths": 3, "deleted_indexes": []}', '{"paths": [], "deleted_indexes": [[]]}',
    '{"paths": ["../tub/catalog_0.catalog"], "deleted_indexes": []}',
    '{"paths": [null], "deleted_indexes": []}'])
def test_a_manifest_that_makes_no_sense_is_refused(tmp_path, capsys, text):
    tub = make_tub(tmp_path / 'tub')
    lines = (tub / 'manifest.json').read_text().splitlines()
    (tub / 'manifest.json').write_text('\n'.join([*lines[:4], text]))
    assert import_tub(tub, tmp_path / 'out') == 1
    line, = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f'refused: {tub}/manifest.json: ') and len(line) < 600


@pytest.mark.parametrize('line', [b'[' * 100_000, b'7', b'{"_index": 1', b'\xff\xfe'])
def test_a_line_that_is_no_record_is_refused(tmp_path, capsys, line):
    tub = make_tub(tmp_path / 'tub')
    (tub / 'catalog_0.catalog').write_bytes(line)
    assert import_tub(tub, tmp_path / 'out') == 1
    line, = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f'refused: {tub}/catalog_0.catalog') and len(line) < 600


@pytest.mark.parametrize('value', [float('nan'), float('inf'), 1e300])
def test_a_record_without_a_command_is_left_out_and_told(tmp_path, capsys, value):
    tub = make_tub(tmp_path / 'tub')
    change_record(tub, 3, **{'user/angle': value})
    change_record(tub, 7, **{'user/throttle': value})
    assert import_tub(tub, tmp_path / 'out', '--speed', '2') == 0
    told = capsys.readouterr().out
    assert 'tub: 10 of 12 frames' in told and '2 without a command (first: catalog_0' in told
    with Bag(tmp_path / 'out' / 'tub') as bag:
        assert sum(event.kind == 'command' for event in bag.events()) == 10
        assert '2 without a command' in bag.info['left_out']


def test_what_drove_the_car_is_taken(tmp_path, capsys):
    """As DonkeyCar's DriveMode: the pilot steers in local_angle, and drives in any other mode."""
    tub = make_tub(tmp_path / 'tub')
    for i in range(3, 10):
        change_record(tub, i, **{
            'user/mode': 'local_angle' if i < 6 else 'local', 'user/angle': 0.0,
            'pilot/angle': -i / 10, 'pilot/throttle': i / 10})
    change_record(tub, 8, **{'pilot/angle': None})  # before its first answer
    change_record(tub, 9, **{'pilot/throttle': ...})
    assert import_tub(tub, tmp_path / 'out') == 0
    told = capsys.readouterr().out
    assert "driven by 'local' 2, 'local_angle' 3, 'user' 5" in told
    assert '10 of 12 frames' in told and '2 without a command' in told and "mode 'local'" in told
    with Bag(tmp_path / 'out' / 'tub') as bag:
        commands = [event.value for event in bag.events() if event.kind == 'command']
        assert bag.info['driven_by'] == 'local 2, local_angle 3, user 5'
    assert [round(c.linear_x, 3) for c in commands] == [0.5] * 6 + [0.6, 0.7] + [0.5] * 2
    assert [round(20 * c.angular_z, 3) for c in commands] == [
        0, -1, -2, 6, 8, 10, 12, 14, -10, -11]


def test_times_that_no_camera_had_need_a_rate(tmp_path, capsys):
    tub = make_tub(tmp_path / 'tub', step_ms=5)
    assert import_tub(tub, tmp_path / 'out') == 1
    assert 'give the true rate with --rate' in capsys.readouterr().err
    assert import_tub(tub, tmp_path / 'out', '--rate', '20') == 0
    assert '0.55 s' in capsys.readouterr().out
    assert import_tub(tub, tmp_path / 'out', '--rate', '20') == 1
    assert 'is there already' in capsys.readouterr().err
    assert import_tub(tub, tmp_path / 'out', '--rate', '-1') == 2


@real
def test_a_real_tub_is_read_whole(tmp_path):
    with tarfile.open(DATA / 'donkeycar_test_tub' / 'tub.tar.gz') as tar:
        tar.extractall(tmp_path)
    assert import_tub(tmp_path / 'tub', tmp_path / 'out') == 1, 'its times are useless'
    assert import_tub(tmp_path / 'tub', tmp_path / 'out', '--rate', '20') == 0
    with Bag(tmp_path / 'out' / 'tub') as bag:
        assert bag.seconds == pytest.approx(49.95, abs=0.1)
        images = [event for event in bag.events() if event.kind == 'image']
    assert len(images) == 1000 and decode(images[500].value).shape == (120, 160, 3)
    html, json_ = tmp_path / 'a.html', tmp_path / 'a.json'
    assert replay_verb.main([str(tmp_path / 'out' / 'tub'), '--html', str(html),
                             '--json', str(json_)]) == 0
    told = json.loads(json_.read_text())
    assert told['frames_compared'] >= 990 and told['recordings'][0]['unreadable'] == 0
    # It has never seen a track, and must not seem to know one.
    assert told['scores']['policy']['mae'][2] > 0.8 * told['scores']['mean']['mae'][2]
    assert 'Does not drive like the driver: ' in html.read_text()


@real
def test_a_real_bag_without_a_camera_is_one_line(capsys):
    assert replay_verb.main([str(DATA / 'neato_rosbag2' / 'drive_square')]) == 2
    line, = capsys.readouterr().err.strip().splitlines()
    assert 'no camera in this bag' in line and '/cmd_vel (geometry_msgs/msg/Twist)' in line


def test_every_drive_is_held_out_once(tmp_path, monkeypatch):
    pytest.importorskip('torch')
    from bench.learning import real_drives
    strategy = tmp_path / 'quick.yaml'
    strategy.write_text('{model: final_fixed, config: {hidden: 16, width: 8}, '
                        'train: {epochs: 1, word_steps: 1}}')
    tubs = [make_tub(tmp_path / name, frames=40) for name in ('tub_1', 'tub_2')]
    results = real_drives.measure(tubs, tmp_path / 'work', 'follow the track', str(strategy),
                                  None, tmp_path / 'table.json')
    assert json.loads((tmp_path / 'table.json').read_text()) == results
    assert set(results['drives']) == {'tub_1', 'tub_2'}
    for row in results['drives'].values():
        assert list(row['axes']) == ['angular_z'], 'throttle never changes, so it tells nothing'
        assert row['axes']['angular_z']['repeat_last'] == pytest.approx(1 / 20, abs=0.01)
    trained = [(tmp_path / 'work' / f'without-{name}.safetensors').read_bytes()
               for name in ('tub_1', 'tub_2')]
    assert trained[0] != trained[1]
    assert '| all | 80 | angular_z |' in real_drives.table(results)
    assert row['axes']['angular_z']['linear'] < row['axes']['angular_z']['constant'], \
        'brightness tells the angle in these pictures'


def test_one_drive_is_cut_into_stretches(tmp_path, monkeypatch):
    from bench.learning import real_drives
    parts = real_drives.cut(make_tub(tmp_path / 'tub', frames=10, deleted=[4]), 3, tmp_path)
    assert [path.name for path in parts] == ['tub_1_of_3', 'tub_2_of_3', 'tub_3_of_3']
    kept = [[round(20 * record.angle) for record in read_tub(part)] for part in parts]
    assert kept == [[0, 1, 2], [3, 5], [6, 7, 8, 9]]


def test_one_drive_is_too_few(tmp_path, capsys, monkeypatch):
    from bench.learning import real_drives
    assert real_drives.main([str(tmp_path)]) == 2
    assert 'give two or more' in capsys.readouterr().err
