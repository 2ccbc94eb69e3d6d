"""Every recording of others that is at hand: read in full, or refused in its one line."""

from fnmatch import fnmatch
import json
import re
import tarfile

import pytest

pytest.importorskip('rosbags')

from mobile_vla_ros.cli import dataset as verb  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.data.storage import BagError  # noqa: E402
from mobile_vla_ros.images.decode import decode, MessageError  # noqa: E402
from support.paths import DATA  # noqa: E402

TUBS = {'autocar_tubs/tub_1_21-09-19.tar': 1234, 'autocar_tubs/tub_6_21-09-19.tar': 1388,
        'autocar_tubs/tub_9_21-09-19.tar': 614, 'autocar_tubs/tub_12_21-09-19.tar': 1400,
        'autocar_tubs/tub_20_21-09-20.tar': 678, 'autocar_tubs/tub_31_21-09-21.tar': 76,
        'autocar_tubs/tub_35_21-09-29.tar': 398, 'donkeycar_test_tub/tub.tar.gz': 1000}
NO_RIGHT_TIMES = 'donkeycar_test_tub/tub.tar.gz'
NO_CAMERA = 'no camera in this bag .it needs sensor_msgs/msg/Image or .*; it has '
# The first pattern that fits says what becomes of a bag: (images, readable ones, commands), or
# why it is refused.
BAGS = [
    ('neato_rosbag2/wall_follower', 'not a readable bag .metadata.yaml names wall_follower_0.db3, '
     'and no storage file is there.; copy that file beside it'),
    ('neato_rosbag2/*', NO_CAMERA + '.*/cmd_vel .geometry_msgs/msg/Twist'),
    ('odd_image_bags/amber*', (2, 2, 0)),
    ('odd_image_bags/ros_numpy_test.bag', 'several image topics, name one with --image-topic: '
     '/compressedimage, /image'),
    ('odd_image_bags/*', (1, 1, 0)),
    ('ros1_fixtures/empty-file.bag', 'not a readable bag .it is empty.; copy it anew'),
    ('ros1_fixtures/example-unsorted-chunks.bag', NO_CAMERA + 'foo .std_msgs'),
    ('ros1_fixtures/example*', 'several command topics, name one with --command-topic: '
     '/turtle1/cmd_vel, /turtle2/cmd_vel'),
    ('ros1_fixtures/no-messages.bag', NO_CAMERA + 'no topics at all'),
    ('rosbags_rs_alltypes/*', 'several image topics, name one with --image-topic'),
    ('rosbag2_testres/*/target_metadata/*', 'not a readable bag .metadata.yaml names .*, and no '
     'storage file is there'),
    ('rosbag2_testres/*/mcap/wrong_rmw_test', NO_CAMERA + '.*BasicTypes, wrong_format'),
    ('rosbag2_testres/*', NO_CAMERA),
]
NAMED = [  # with the option that a refusal asks for
    ('rosbags_rs_alltypes/test_bag_mcap', {'image': '/test/sensor_msgs/image'},
     'several command topics, name one with --command-topic'),
    ('rosbags_rs_alltypes/test_bag_mcap',
     {'image': '/test/sensor_msgs/image', 'command': '/test/geometry_msgs/twist'}, (2, 0, 2)),
    ('rosbags_rs_alltypes/test_bag_sqlite3',
     {'image': '/test/sensor_msgs/compressed_image',
      'command': '/test/geometry_msgs/twist_stamped'}, (2, 0, 2)),
    ('odd_image_bags/ros_numpy_test.bag', {'image': '/image'}, (1, 1, 0)),
    ('odd_image_bags/ros_numpy_test.bag', {'image': '/compressedimage'}, (1, 1, 0)),
    ('ros1_fixtures/example-lz4.bag', {'command': '/turtle1/cmd_vel'}, NO_CAMERA),
]
real = pytest.mark.skipif(not DATA.exists(), reason='the recordings of others are not here')


def recordings():
    """Return the name of every recording, no file of the folder left out."""
    found = set()
    for path in DATA.rglob('*'):
        if path.is_file() and path.name not in ('LICENSE', 'README.md'):
            bag = next((up for up in path.parents if (up / 'metadata.yaml').exists()), path)
            found.add(str(bag.relative_to(DATA)))
    return sorted(found)


def outcome(name, **topics):
    """Return (images, those that decode, commands), or the line of the refusal."""
    images, readable, commands = 0, 0, 0
    try:
        with Bag(DATA / name, **topics) as bag:
            for event in bag.events():
                commands += event.kind == 'command'
                if event.kind == 'image':
                    images += 1
                    try:
                        readable += decode(event.value).ndim == 3
                    except MessageError:
                        continue
    except BagError as error:
        return str(error)
    return images, readable, commands


def fits(name, found, expected):
    if isinstance(expected, tuple):
        return found == expected
    return isinstance(found, str) and '\n' not in found and re.match(
        re.escape(f'{DATA / name}: ') + expected, found)


@real
def test_every_bag_is_read_or_refused_in_its_line():
    wrong, used = [], set()
    for name in recordings():
        if name in TUBS:
            continue
        pattern, expected = next((row for row in BAGS if fnmatch(name, row[0])), (None, 'known'))
        used.add(pattern)
        found = outcome(name)
        if not fits(name, found, expected):
            wrong.append((name, expected, found))
    assert not wrong
    assert used == {pattern for pattern, _ in BAGS}, 'a row that no recording needs'


@real
@pytest.mark.parametrize('name, topics, expected', NAMED)
def test_the_option_that_a_refusal_names_helps(name, topics, expected):
    found = outcome(name, **topics)
    assert fits(name, found, expected), found


@real
@pytest.mark.parametrize('name', TUBS)
def test_every_tub_is_imported_whole(name, tmp_path, capsys):
    with tarfile.open(DATA / name) as tar:
        tar.extractall(tmp_path / 'in')
    tub, = (path.parent for path in (tmp_path / 'in').rglob('manifest.json'))
    words = ['--out', str(tmp_path / 'out'), '--instruction', 'follow the track']
    assert verb.main(['import', str(DATA / name), *words]) == 1
    assert 'unpack it and give the folder in it' in capsys.readouterr().err
    if name == NO_RIGHT_TIMES:
        assert verb.main(['import', str(tub), *words]) == 1
        assert 'its times say 1000 frames in 3.33 s; give the true rate' in capsys.readouterr().err
        words += ['--rate', '20']
    assert verb.main(['import', str(tub), *words]) == 0
    rows = [json.loads(line) for path in sorted(tub.glob('catalog_*.catalog'))
            for line in path.read_text().splitlines()]
    deleted = set(json.loads((tub / 'manifest.json').read_text().splitlines()[4])
                  ['deleted_indexes'])
    # In eleven frames of tub_31 a pilot drove whose commands were not noted.
    rows = sorted((row for row in rows if row['_index'] not in deleted
                   and (row.get('user/mode', 'user') == 'user' or 'pilot/angle' in row)),
                  key=lambda row: row['_index'])
    with Bag(tmp_path / 'out' / tub.name) as bag:
        events = list(bag.events())
    images = [event for event in events if event.kind == 'image']
    commands = [event.value for event in events if event.kind == 'command']
    assert len(images) == len(commands) == len(rows) == TUBS[name]
    for at in (0, len(rows) // 2, -1):
        assert decode(images[at].value).shape == (120, 160, 3)
        assert commands[at].linear_x == pytest.approx(rows[at]['user/throttle'])
        assert commands[at].angular_z == pytest.approx(-rows[at]['user/angle'])
