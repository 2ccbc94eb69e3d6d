"""Checkpoints are opened by an engine that fits, or refused; engines and devices agree."""

import os
from pathlib import Path

import numpy as np
import pytest
from support.shipped import each_model, first, LEFT, shipped
from support.shipped import picture  # noqa: F401
from support.tiny_checkpoint import write as write_tiny

import mobile_vla_ros
from mobile_vla_ros.contract import ContractError, NS
from mobile_vla_ros.inference.engines import OnnxRuntime

SOAK = int(os.environ.get('MOBILE_VLA_SOAK', 1))


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
