"""Files that nobody made on purpose: each is read, or refused by an error that says so."""

import contextlib
import os
from pathlib import Path
import shutil
import sqlite3
from types import SimpleNamespace

from support.bags import STORE, twist, write
from hypothesis import given, HealthCheck, settings, strategies as st
from mcap.writer import Writer as McapWriter
import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
import yaml

from mobile_vla_ros.benchmark.phrases import PhraseFile
from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.data.repair import EpisodeError, repair
from mobile_vla_ros.data.segments import segments
from mobile_vla_ros.data.storage import BagError
from mobile_vla_ros.images.decode import decode, MessageError
from mobile_vla_ros.instruction import normalise
from mobile_vla_ros.models.text import encode_text
from mobile_vla_ros.report.gate import failures, read_spec

from bench.robustness import fuzz

SOAK = int(os.environ.get('MOBILE_VLA_SOAK', 1))
any_yaml = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(['min', 'max', 'below', 'times', 'model', 'config', 'train', 'final_fixed',
                       'en', 'templates', 'side', 'color', 'left', 'right', 'red',
                       '{side} {color}', 'scores.policy', 'epochs', 'dropout', '{side', '{0}',
                       '{side!r:>9}{color}']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        inner.filter(lambda key: getattr(key, '__hash__', None) is not None), inner, max_size=4),
    max_leaves=12)
SMALL = {'seconds': 0.3, 'size': (16, 12), 'compressed': True}
quick = settings(max_examples=150 * SOAK,
                 suppress_health_check=[HealthCheck.function_scoped_fixture])


def read_strategy(path):
    return pytest.importorskip('mobile_vla_ros.training.strategies').read_strategy(str(path))


def judged(path):
    failures({'scores': {'policy': {'mae': [0.1, None, 0.2]}}, 'rates': None}, read_spec(path))


def said(path):
    for seed in range(4):
        PhraseFile(path).sample('left', 'red', np.random.default_rng(seed))


@pytest.mark.parametrize('read', [judged, said, read_strategy], ids=lambda read: read.__name__)
@given(content=any_yaml)
@quick
def test_any_yaml_is_read_or_refused(tmp_path, read, content):
    path = tmp_path / 'any.yaml'
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding='utf-8')
    try:
        read(path)
    except (ValueError, OSError):
        pass


@pytest.mark.parametrize('read', [judged, said, read_strategy], ids=lambda read: read.__name__)
@given(content=st.binary(max_size=60))
@quick
def test_what_is_no_yaml_is_refused(tmp_path, read, content):
    path = tmp_path / 'any.yaml'
    path.write_bytes(content)
    with pytest.raises((ValueError, OSError)):
        read(path)


def make_bag(folder: Path, kind: str) -> Path:
    """Write a small bag of one kind; return the file that holds its messages."""
    if kind == 'mcap':
        return next(write(folder / 'bag', **SMALL,
                          plugin=StoragePlugin.MCAP).glob('*.mcap'))
    if kind == 'db3':
        return next(write(folder / 'bag', **SMALL).glob('*.db3'))
    if kind == 'metadata':
        return write(folder / 'bag', **SMALL) / 'metadata.yaml'
    with Writer1(folder / 'old.bag') as writer:
        commands = writer.add_connection('/cmd_vel', 'geometry_msgs/msg/Twist', typestore=STORE)
        images = writer.add_connection('/image', 'sensor_msgs/msg/CompressedImage',
                                       typestore=STORE)
        with Bag(write(folder / 'new', **SMALL)) as bag:
            for event in bag.events():
                if event.kind == 'image':
                    writer.write(images, event.received_ns, STORE.serialize_ros1(
                        event.value, event.value.__msgtype__))
        msg = twist((0.1, 0.0, 0.0))
        writer.write(commands, event.received_ns, STORE.serialize_ros1(msg, msg.__msgtype__))
    return folder / 'old.bag'


def read_all(path):
    """Read a bag as a dataset's build does."""
    with Bag(path) as bag:
        _ = bag.info, bag.seconds, bag.compressed
        for part in segments(bag.events(), decode, 0.1, 'go'):
            assert np.isfinite(part.commands).all()


changes = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6)


@pytest.mark.parametrize('kind', ['mcap', 'db3', 'metadata', 'ros1'])
@given(flips=changes, cut=st.none() | st.integers(0, 10**6))
@settings(quick, max_examples=60 * SOAK)
def test_a_damaged_bag_is_read_or_refused(tmp_path_factory, kind, flips, cut):
    folder = tmp_path_factory.getbasetemp() / f'fuzz-{kind}'
    if not folder.exists():
        folder.mkdir()
        make_bag(folder, kind)
        shutil.copytree(folder, folder.with_suffix('.good'))
    file = {'mcap': 'bag/bag.mcap', 'db3': 'bag/bag.db3', 'metadata': 'bag/metadata.yaml',
            'ros1': 'old.bag'}[kind]
    data = bytearray((folder.with_suffix('.good') / file).read_bytes())
    for at, value in flips:
        data[at % len(data)] = value
    (folder / file).write_bytes(data if cut is None else data[:cut % len(data)])
    for path in {folder / file, (folder / file).parent} if kind != 'ros1' else {folder / file}:
        try:
            read_all(path)
        except (BagError, MessageError, OSError) as error:
            assert len(str(error)) < 1000


@pytest.mark.parametrize('column', ['name', 'type'])
def test_a_topic_that_lost_its_name_or_type_is_damage(tmp_path, column):
    path = make_bag(tmp_path, 'db3')
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute('pragma ignore_check_constraints = on')
        database.execute('pragma writable_schema = on')
        database.execute("update sqlite_master set sql = replace(sql, ' NOT NULL', '')")
        database.execute('pragma schema_version = 99')  # it is read anew
        database.execute(f'update topics set {column} = null where id = 1')
    with pytest.raises(BagError, match='a topic has no name or no type'):
        Bag(path)


@given(flips=changes, cut=st.none() | st.integers(0, 10**6))
@settings(quick, max_examples=60 * SOAK)
def test_a_damaged_episode_is_repaired_or_refused(tmp_path_factory, flips, cut):
    folder = tmp_path_factory.mktemp('episode') / 'bag'
    file = next(write(folder, **SMALL,
                      plugin=StoragePlugin.MCAP).glob('*.mcap'))
    (folder / 'metadata.yaml').unlink()
    data = bytearray(file.read_bytes())
    for at, value in flips:
        data[at % len(data)] = value
    file.write_bytes(data if cut is None else data[:cut % len(data)])
    try:
        repair(folder)
    except (EpisodeError, OSError):
        return
    try:
        read_all(folder)
    except (BagError, MessageError):
        pass


def test_a_type_without_a_package_is_no_camera(tmp_path):
    with (tmp_path / 'odd.mcap').open('wb') as file:
        writer = McapWriter(file)
        writer.start('ros2')
        schema = writer.register_schema('Image', 'ros2msg', b'uint8 data')
        writer.add_message(writer.register_channel('/image', 'cdr', schema), 1, b'0000a', 1)
        writer.finish()
    with pytest.raises(BagError, match='odd.mcap: (no camera|not a readable bag)'):
        read_all(tmp_path / 'odd.mcap')


@given(st.text(max_size=300) | st.text('가나다라 left왼쪽', max_size=300))
@quick
def test_any_instruction_becomes_finite_numbers(text):
    vector = encode_text(normalise(text))
    assert vector.shape == (512,) and vector.dtype == np.float32 and np.isfinite(vector).all()


CONSUMED = {  # what atheris offers a target, and Hypothesis instead
    'ConsumeBool': st.booleans, 'ConsumeFloat': st.floats, 'ConsumeIntInRange': st.integers,
    'ConsumeInt': lambda size: st.integers(-2**(8 * size - 1), 2**(8 * size - 1) - 1),
    'ConsumeFloatListInRange': lambda count, low, high: st.lists(
        st.floats(low, high), max_size=count),
    'ConsumeUnicode': lambda count: st.text(max_size=count),
    'ConsumeBytes': lambda count: st.binary(max_size=min(count, 300))}


@pytest.mark.parametrize('name', fuzz.TARGETS)
@given(data=st.data())
@quick
def test_a_target_of_make_fuzz_takes_anything(name, data):
    if name == 'parameters':
        pytest.importorskip('rclpy', reason='needs ROS 2')
    fuzz.TARGETS[name](SimpleNamespace(**{
        consume: lambda *args, make=make: data.draw(make(*args))
        for consume, make in CONSUMED.items()}))
