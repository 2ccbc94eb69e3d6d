"""From a checkpoint to commands: what is loaded, what is refused, what decides."""

from dataclasses import fields, replace
import hashlib
import json
import os
from pathlib import Path

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest
from support.tiny_checkpoint import write as write_tiny

import mobile_vla_ros
from mobile_vla_ros.contract import Command, ContractError, NS, Plan
from mobile_vla_ros.environment.share import share_file, SHIPPED
from mobile_vla_ros.inference.engines import OnnxRuntime
from mobile_vla_ros.inference.policy import load_policy, Policy
from mobile_vla_ros.models.metadata import BLANK, Metadata, SEAL
from mobile_vla_ros.models.text import encode_text, NAME as TEXT_ENCODER
from mobile_vla_ros.preprocessing import history_frames, IMAGE, preprocess

SOAK = int(os.environ.get('MOBILE_VLA_SOAK', 1))
LEFT = 'pass the box on the left and stop at the red bottle'
RIGHT = 'pass the box on the right and stop at the red bottle'
each_model = pytest.mark.parametrize('model', SHIPPED)


@pytest.fixture(scope='module')
def picture():
    from mobile_vla_ros.sim.scenario import make_scenario
    from mobile_vla_ros.sim.simulator import Simulator
    sim = Simulator(320, 240)
    sim.reset(make_scenario(2_000_000))
    yield sim.render()
    sim.close()


def shipped(model):
    return share_file('checkpoints', f'{SHIPPED[model]}.onnx')


def first(policy, rgb, text):
    policy.reset()
    return np.array(policy.act(rgb, text, 0))


@each_model
@pytest.mark.parametrize('left, right', [
    (LEFT, RIGHT),
    ('상자 왼쪽으로 지나서 빨간 병으로 가', '상자 오른쪽으로 지나서 빨간 병으로 가')])
def test_another_instruction_gives_another_command(picture, left, right, model):
    policy = mobile_vla_ros.load_policy(shipped(model))
    difference = first(policy, picture, left) - first(policy, picture, right)
    assert difference[1] > 0.2, 'left goes to +y, right to -y'
    assert np.array_equal(first(policy, picture, left), first(policy, picture, left))


def test_every_way_to_run_a_file_is_measured(tmp_path, capsys, monkeypatch):
    from mobile_vla_ros.cli import export
    from mobile_vla_ros.inference import tuning
    rows = tuning.tune(shipped('final_fixed'), every_s=0.0)
    assert {row['backend'] for row in rows} == {'onnxruntime', 'openvino'}
    assert {row['threads'] for row in rows} == {1, os.cpu_count()}
    assert [row['ms'] for row in rows] == sorted(row['ms'] for row in rows) and rows[0]['ms'] > 0
    monkeypatch.setattr(tuning, 'tune', lambda path: rows)
    assert export.main([str(tmp_path / 'tiny.onnx'), '--tune']) == 0
    assert f'fastest here: backend:={rows[0]["backend"]}' in capsys.readouterr().out
    assert export.main([str(tmp_path / 'tiny.safetensors')]) == 2
    assert 'name the .onnx file to write' in capsys.readouterr().err
    monkeypatch.undo()
    (tmp_path / 'bad.onnx').write_bytes(b'bad')
    assert export.main([str(tmp_path / 'bad.onnx'), '--tune']) == 2
    assert 'bad.onnx' in capsys.readouterr().err


@each_model
def test_the_backends_agree(picture, model):
    runtime = shipped(model)
    policies = [mobile_vla_ros.load_policy(runtime, 'onnxruntime'),
                mobile_vla_ros.load_policy(runtime, 'openvino'),
                mobile_vla_ros.load_policy(runtime.with_suffix('.safetensors'), 'torch')]
    for stamp in range(0, 2 * NS, NS // 5):
        frame = np.roll(picture, stamp // (NS // 50), axis=1)
        commands = [np.array(policy.act(frame, LEFT, stamp)) for policy in policies]
        assert np.abs(commands[0] - commands[1]).max() < 1e-4
        assert np.abs(commands[0] - commands[2]).max() < 1e-4


@each_model
def test_a_shipped_pair_is_of_its_model_small_and_measured(model):
    runtime = shipped(model)
    weights = runtime.with_suffix('.safetensors')
    assert runtime.stat().st_size + weights.stat().st_size < 20_000_000
    metadata = mobile_vla_ros.load_policy(runtime).metadata
    assert metadata.model == model
    for key in ('digest', 'episodes', 'mean_command'):
        assert key in metadata.data
    assert metadata.metrics['closed_loop']['success']['trials'] >= 300


def test_history_looks_back_by_stamps_not_by_counts():
    stamps = [0, 100, 200, 300, 400, 500]
    stamps = [stamp * 10 ** 6 for stamp in stamps]
    assert history_frames(stamps, stamps[-1], (0.2, 0.4, 9.0)) == [3, 1, 0]


def test_what_came_before_matters_until_reset(picture):
    policy = mobile_vla_ros.load_policy()
    alone = first(policy, picture, LEFT)
    policy.reset()
    for i in range(12):
        policy.act(np.zeros_like(picture), LEFT, i * NS // 10)
    assert not np.allclose(policy.act(picture, LEFT, 12 * NS // 10), alone, atol=1e-3)
    assert np.array_equal(first(policy, picture, LEFT), alone)


def test_a_new_instruction_forgets_what_was_seen_with_the_old(picture):
    policy = mobile_vla_ros.load_policy()
    for i in range(12):
        policy.act(np.zeros_like(picture), LEFT, i * NS // 10)
    turned = policy.act(picture, RIGHT, 12 * NS // 10)
    assert np.array_equal(first(policy, picture, RIGHT), turned)


class Numbering:
    """An engine that leaves of each picture its brightness, and notes what it is given as past."""

    name = 'numbering'

    def __init__(self):
        self.given, self.texts = [], []

    def __call__(self, image, past, text):
        assert image.shape == (1, IMAGE, IMAGE, 3) and past.shape[0] == text.shape[0] == 1
        self.given.append(past[0, :, 0].tolist())
        self.texts.append(text[0])
        commands = np.arange(6, dtype=np.float32).reshape(1, 2, 3) + image[0, 0, 0, 0]
        return commands, image[:, 0, :1, 0].astype(np.float32)


@pytest.fixture
def numbering():
    return Policy(Numbering(), Metadata(
        model='m', config={}, rate_hz=8.0, chunk=2, history_s=(0.2, 0.6, 1.0), memory=1,
        vision='none', text=TEXT_ENCODER, text_width=512), 'abc')


def shown(policy, number, seconds, text='go'):
    """Show a picture of this brightness; return the plan and what the engine was given as past."""
    plan = policy.plan(np.full((4, 4, 3), number, np.uint8), text, round(seconds * NS))
    return plan, policy.engine.given[-1]


def test_the_past_is_given_by_age_the_nearest_first(numbering):
    assert (numbering.sha256, numbering.backend) == ('abc', 'numbering')
    for i in range(12):
        _, past = shown(numbering, 7 + i, 0.2 * i)
        assert past == [7 + max(0, i - back) for back in (1, 3, 5)]
    assert numbering.engine.given[0] == [0, 0, 0], 'the first frame is looked at before it acts'
    assert len(numbering.engine.given) == 13
    assert shown(numbering, 99, 2.2)[1] == [17, 15, 13], 'the same stamp again: in its place'
    assert shown(numbering, 30, 2.4)[1] == [99, 16, 14]
    numbering.reset()
    assert shown(numbering, 50, 0.1)[1] == [50, 50, 50]


def test_no_more_is_kept_than_is_looked_back_to(numbering):
    for i in range(200):
        shown(numbering, i % 250, i / 20)
        assert len(numbering._frames) == min(i + 1, 27)  # 1.3 s
    assert shown(numbering, 1, 10.0)[1] == [196, 188, 180]
    assert shown(numbering, 2, 60.0)[1] == [1, 1, 1], 'after a gap the last one stands for all'
    assert shown(numbering, 3, 60.3)[1] == [2, 2, 2] and len(numbering._frames) == 2
    with pytest.raises(ValueError, match='60200000000 ns is older .* .60300000000 ns'):
        shown(numbering, 4, 60.2)


def test_a_plan_begins_at_its_frame_and_steps_at_the_policys_rate(numbering):
    plan, _ = shown(numbering, 10, 3.0)
    assert (plan.start_ns, plan.period_ns) == (3 * NS, NS // 8)
    assert plan.commands.tolist() == [[10, 11, 12], [13, 14, 15]]
    assert numbering.act(np.zeros((4, 4, 3), np.uint8), 'go', 4 * NS) == Command(0, 1, 2)


def test_each_sentence_is_given_as_what_it_means(numbering):
    for text in ('go', 'stop', 'go', ''):
        shown(numbering, 1, 1.0, text)
        assert np.array_equal(numbering.engine.texts[-1], encode_text(text))
        assert np.array_equal(numbering.engine.texts[-2], encode_text(text)), 'the first look too'
    with pytest.raises(ContractError, match=f"'other', this package has '{TEXT_ENCODER}'"):
        Policy(Numbering(), replace(numbering.metadata, text='other'))


def test_bad_images_and_stamps_are_refused(tmp_path):
    policy = mobile_vla_ros.load_policy(write_tiny(tmp_path / 'tiny.onnx'))
    for image in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32),
                  np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(ValueError, match='uint8 RGB'):
            policy.act(image, 'x', 0)
    policy.act(np.zeros((4, 4, 3), np.uint8), 'x', 100)
    with pytest.raises(ValueError, match='older'):
        policy.act(np.zeros((4, 4, 3), np.uint8), 'x', 50)


def test_6_any_change_of_the_file_is_refused(tmp_path):
    path = write_tiny(tmp_path / 'tiny.onnx')
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for trial in range(1000 * SOAK):
        damaged = bytearray(content)
        place = int(rng.integers(len(content)))
        length = 1 + int(rng.integers(64))
        kind = trial % 5
        if kind < 2:
            damaged[place] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            damaged[place:] = b''
        elif kind == 3:
            damaged[place:place] = rng.bytes(length)
        else:
            damaged[place:place + length] = rng.bytes(len(damaged[place:place + length]))
        if bytes(damaged) == content:
            continue
        path.write_bytes(bytes(damaged))
        with pytest.raises(ContractError, match='seal'):
            mobile_vla_ros.load_policy(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner,
                                                                max_size=3), max_leaves=5)
GOOD = {'model': 'm', 'config': {}, 'rate_hz': 5.0, 'chunk': 2, 'history_s': [0.4], 'memory': 1,
        'vision': 'v', 'text': 't', 'text_width': 512, 'seal': ''}


@given(st.dictionaries(st.sampled_from([field.name for field in fields(Metadata)]), json_values,
                       min_size=1, max_size=3) | json_values)
@settings(max_examples=300 * SOAK, deadline=None)
def test_6_whatever_metadata_says_it_is_sound_or_refused_in_one_line(said):
    text = json.dumps({**GOOD, **said} if isinstance(said, dict) else said)
    try:
        metadata = Metadata.from_json(text, 'file')
    except ContractError as error:
        assert len(str(error)) < 600 and '\n' not in str(error)
        return
    assert round(NS / metadata.rate_hz) > 0 and metadata.chunk > 0
    assert history_frames([0], 0, metadata.history_s) == [0] * len(metadata.history_s)
    Metadata.from_json(metadata.to_json(), 'file')


@pytest.mark.parametrize('weight', [float('nan'), float('inf')])
def test_5_weights_that_are_not_finite_are_refused(tmp_path, weight):
    with pytest.raises(ContractError, match='not finite'):
        mobile_vla_ros.load_policy(write_tiny(tmp_path / 'tiny.onnx', weight))


def test_7_a_pickle_is_refused_unread(tmp_path):
    import pickle
    trap = tmp_path / 'sprung'

    class Trap:
        def __reduce__(self):
            return Path.touch, (trap,)
    for name in ('model.pth', 'model.onnx', 'model.safetensors'):
        (tmp_path / name).write_bytes(pickle.dumps(Trap()))
        with pytest.raises(ContractError):
            mobile_vla_ros.load_policy(tmp_path / name)
    assert not trap.exists()


def test_what_does_not_match_is_named(tmp_path):
    path = write_tiny(tmp_path / 'tiny.onnx')
    with pytest.raises(FileNotFoundError, match='nowhere.onnx'):
        mobile_vla_ros.load_policy(tmp_path / 'nowhere.onnx')
    with pytest.raises(ValueError, match="'tpu'; one of auto"):
        mobile_vla_ros.load_policy(path, 'tpu')
    with pytest.raises(ValueError, match='needs onnxruntime or openvino'):
        mobile_vla_ros.load_policy(path, 'torch')
    with pytest.raises(ValueError, match="'tpu'; one of cpu, cuda, tensorrt"):
        mobile_vla_ros.load_policy(path, device='tpu')
    with pytest.raises(ValueError, match="'openvino' runs on the cpu only"):
        mobile_vla_ros.load_policy(path, 'openvino', device='cuda')


def test_a_policy_is_loaded_for_the_cpu_and_knows_its_file(tmp_path):
    path = write_tiny(tmp_path / 'tiny.onnx')
    content = path.read_bytes()
    for loaded in (load_policy(path), load_policy(str(path), 'auto', 0, 'cpu')):
        assert loaded.backend == 'onnxruntime'
        assert loaded.sha256 == hashlib.sha256(content).hexdigest()
    assert load_policy('').sha256 == load_policy().sha256 != loaded.sha256
    with pytest.raises(FileNotFoundError, match=f'^no checkpoint at {tmp_path}; leave it out '
                                                'for the shipped one$'):
        load_policy(tmp_path)
    assert Policy(loaded.engine, loaded.metadata).sha256 == ''
    first = np.zeros((4, 4, 3), np.uint8)
    assert loaded.plan(first, '', 0).commands == pytest.approx(np.zeros((1, 3)))


def test_threads_share_a_slow_network_only(monkeypatch):
    opened, take = [], OnnxRuntime._open
    monkeypatch.setattr(OnnxRuntime, '_open', lambda self, content, threads: (
        opened.append(threads), take(self, content, threads))[1])
    for seconds, wanted in ([0.002], [1]), ([0.02, 0.01], [1, 0]), ([0.02, 0.02], [1, 0]):
        times = iter(seconds)
        monkeypatch.setattr(OnnxRuntime, '_seconds', lambda *_, times=times: next(times))
        policy = mobile_vla_ros.load_policy()
        assert opened == wanted
        options = policy.engine.session.get_session_options()
        assert options.intra_op_num_threads == (0 if seconds == [0.02, 0.01] else 1)
        opened.clear()
    mobile_vla_ros.load_policy(threads=3)
    assert opened == [3]


@pytest.mark.parametrize('device', ['cuda', 'tensorrt'])
def test_a_device_agrees_with_the_cpu_or_says_that_it_is_not_here(picture, device):
    import onnxruntime
    if OnnxRuntime.PROVIDERS[device] not in onnxruntime.get_available_providers():
        with pytest.raises(ValueError, match=f"'{device}' needs an ONNX Runtime with"):
            mobile_vla_ros.load_policy(device=device)
        return
    there, here = mobile_vla_ros.load_policy(device=device), mobile_vla_ros.load_policy()
    assert np.abs(first(there, picture, LEFT) - first(here, picture, LEFT)).max() < 1e-2


def test_torch_takes_a_gpu_or_says_that_there_is_none(picture):
    torch = pytest.importorskip('torch')
    weights = shipped('final_fixed').with_suffix('.safetensors')
    with pytest.raises(ValueError, match="needs backend 'onnxruntime'"):
        mobile_vla_ros.load_policy(weights, device='tensorrt')
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match='finds no GPU here'):
            mobile_vla_ros.load_policy(weights, device='cuda')
        return
    there, here = (mobile_vla_ros.load_policy(weights, device=name) for name in ('cuda', 'cpu'))
    assert np.abs(first(there, picture, LEFT) - first(here, picture, LEFT)).max() < 1e-2


def test_metadata_names_both_values():
    metadata = Metadata(model='m', config={}, rate_hz=5.0, chunk=1, history_s=(0.4,),
                        memory=1, vision='v', text='t', text_width=512)
    text = metadata.to_json()
    assert Metadata.from_json(text, 'file') == metadata
    assert (SEAL + BLANK).decode() in text
    with pytest.raises(ContractError, match="'REP-999', this package runs 'REP-103'"):
        Metadata.from_json(text.replace('REP-103', 'REP-999'), 'file')
    with pytest.raises(ContractError, match=r"unknown metadata \['extra'\]"):
        Metadata.from_json(text.replace('{', '{"extra": 1, ', 1), 'file')
    with pytest.raises(ContractError, match='cannot be read'):
        Metadata.from_json('{', 'file')


def test_a_plan_skips_what_is_past():
    plan = Plan(np.arange(9, dtype=np.float32).reshape(3, 3), start_ns=1000, period_ns=100)
    assert plan.at(900) == plan.at(1099) == Command(0, 1, 2)
    assert plan.at(1100) == Command(3, 4, 5)
    assert plan.at(10 ** 9) == Command(6, 7, 8)
    with pytest.raises(ContractError, match='shape'):
        Plan(np.zeros((0, 3)), 0, 1)


def test_preprocessing_keeps_place_and_colour():
    image = np.zeros((480, 640, 3), np.uint8)
    image[:240, 320:, 0] = 200
    out = preprocess(image)
    assert out.shape == (IMAGE, IMAGE, 3)
    middle = IMAGE // 2
    assert out[10, middle + 10].tolist() == [200, 0, 0]
    assert not out[middle + 1:].any() and not out[:, :middle - 1].any()


def test_importing_the_package_loads_nothing_heavy():
    import subprocess
    import sys
    code = ('import sys, mobile_vla_ros.inference.policy; '
            "heavy = {'torch', 'mujoco', 'matplotlib', 'onnxruntime'}; "
            'print(sorted(heavy & set(sys.modules)))')
    out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == '[]'
