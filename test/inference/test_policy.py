"""From pictures and an instruction to commands: what decides, what is kept, what is refused."""

from dataclasses import replace
import hashlib

import numpy as np
import pytest
from support.shipped import each_model, first, LEFT, RIGHT, shipped
from support.shipped import picture  # noqa: F401
from support.tiny_checkpoint import write as write_tiny

import mobile_vla_ros
from mobile_vla_ros.contract import Command, ContractError, NS
from mobile_vla_ros.inference.policy import load_policy, Policy
from mobile_vla_ros.models.metadata import Metadata
from mobile_vla_ros.models.text import encode_text, NAME as TEXT_ENCODER
from mobile_vla_ros.preprocessing import IMAGE


@each_model
@pytest.mark.parametrize('left, right', [
    (LEFT, RIGHT),
    ('상자 왼쪽으로 지나서 빨간 병으로 가', '상자 오른쪽으로 지나서 빨간 병으로 가')])
def test_another_instruction_gives_another_command(picture, left, right, model):
    policy = mobile_vla_ros.load_policy(shipped(model))
    difference = first(policy, picture, left) - first(policy, picture, right)
    assert difference[1] > 0.2, 'left goes to +y, right to -y'
    assert np.array_equal(first(policy, picture, left), first(policy, picture, left))


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


@pytest.mark.parametrize('wrong', [{'backend': 'tpu'}, {'device': 'tpu'}, {'threads': -1}])
def test_each_choice_reaches_the_engine_which_refuses_a_wrong_one(wrong):
    (name, value), = wrong.items()
    with pytest.raises(ValueError, match=f'{name} .*{value}'):
        load_policy(**wrong)


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


def test_importing_the_package_loads_nothing_heavy():
    import subprocess
    import sys
    code = ('import sys, mobile_vla_ros.inference.policy; '
            "heavy = {'torch', 'mujoco', 'matplotlib', 'onnxruntime'}; "
            'print(sorted(heavy & set(sys.modules)))')
    out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == '[]'
