"""The shipped network in eight bits: a third as large, with nearly the same commands."""


import pytest

pytest.importorskip('mujoco')
onnx = pytest.importorskip('onnx')
pytest.importorskip('torch')
from support.bags import write  # noqa: E402


from bench.learning import int8  # noqa: E402
from mobile_vla_ros.cli import export as verb  # noqa: E402
from mobile_vla_ros.inference import backends  # noqa: E402
from mobile_vla_ros.inference.policy import load_policy  # noqa: E402
from mobile_vla_ros.sim.seeds import split_of  # noqa: E402
from mobile_vla_ros.training import quantize as eight_bits  # noqa: E402
from mobile_vla_ros.training.quantize import differences, quantize, QuantizeConfig  # noqa: E402


@pytest.fixture(scope='module')
def calls():
    return int8.record_calls(int8.TRAIN[:1])[::7]


def test_eight_bits_command_nearly_what_float_does(calls, tmp_path):
    path = tmp_path / 'a.onnx'
    quantize(int8.FLOAT, path, [given for given, _ in calls[::2]])
    assert path.stat().st_size < 0.35 * int8.FLOAT.stat().st_size
    apart = differences(path, calls)  # m/s, m/s, rad/s
    assert len(apart) > 8 and 0 < apart.mean() < 0.01 and apart.max() < 0.08
    ours, theirs = (backends.open_engine(file, file.read_bytes(), 'onnxruntime', 1)[1]
                    for file in (path, int8.FLOAT))
    assert ours == theirs, 'it says of itself what the float file does, and is sealed'
    nodes = onnx.load(path).graph.node
    eight = {name for node in nodes if node.op_type == 'DequantizeLinear' for name in node.output}
    convolutions = {node.name: set(node.input) <= eight for node in nodes
                    if node.op_type == 'Conv'}
    assert len(convolutions) == 34
    assert [name for name, quantized in convolutions.items() if not quantized] == \
        ['/encoder/stem/stem.0/Conv']


def test_the_verb_calibrates_on_recordings(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(eight_bits, 'KEPT', 10)
    for number in range(2):
        write(tmp_path / 'bags' / str(number), says=((0.0, ''), (0.5, '왼쪽으로 가')))
    out = tmp_path / 'out' / 'a.onnx'
    assert verb.main([str(int8.FLOAT.with_suffix('.safetensors')), str(out), '--int8',
                      str(tmp_path / 'bags')]) == 0
    told = capsys.readouterr().out
    assert ' times smaller; on 16 pictures its commands are (0.' in told
    assert load_policy(out).metadata == load_policy(int8.FLOAT).metadata


@pytest.mark.parametrize('arguments, words', [
    (['a.onnx'], 'a bag'), ([], 'name the .onnx file to write'),
    (['--tune'], 'name the .onnx file to write'),
    (['a.txt'], 'a runtime file ends in .onnx, got a.txt')])
def test_what_cannot_be_quantized_is_one_line(tmp_path, capsys, arguments, words):
    bag = write(tmp_path / 'a bag', says=())
    assert verb.main([str(int8.FLOAT), *arguments, '--int8', str(bag)]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count('\n') == 1


def test_the_best_way_is_the_one_that_the_verb_takes():
    assert int8.WAYS[int8.BEST] == QuantizeConfig()


def test_only_drives_over_training_seeds_calibrate():
    assert {split_of(seed) for seed in int8.CALIBRATION} == {'train'}
    assert {split_of(seed) for seed in (*int8.COMPARED, *int8.DRIVEN[:1000])} == {'validation'}


def test_the_table_says_how_scenes_ended():
    row = {'name': 'float', 'ms': {'1': 6.0, '2': 5.0}, 'faster': {'1': 1.0, '2': 1.0},
           'bytes': 5_200_000, 'most': 0.0, 'mean': 0.0, 'success': [True, True, False]}
    other = {**row, 'name': 'encoder', 'ms': {'1': 4.0, '2': 4.0}, 'most': 0.02,
             'faster': {'1': 1.5, '2': 1.25}, 'success': [True, False, True]}
    silent = {key: value for key, value in other.items() if key != 'success'}
    text = int8.table([row, {**silent, 'name': 'head'}, other])
    assert '| encoder | 4.00 | 1.50 | 4.00 | 1.25 | 5.2 | 0.020, 0.0000 | 2 of 3 |' in text
    assert '| head | 4.00 | 1.50 | 4.00 | 1.25 | 5.2 | 0.020, 0.0000 |  |' in text
    assert text.endswith('Of 3 validation scenes, 2 end well in one and not in the other.')
