"""What asks for too much is refused in one line, before anything of that size is allocated."""

import json
import resource

import pytest

torch = pytest.importorskip('torch')
onnx = pytest.importorskip('onnx')
from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file, save  # noqa: E402

from mobile_vla_ros import load_policy  # noqa: E402
from mobile_vla_ros.environment.share import share_file, SHIPPED  # noqa: E402
from mobile_vla_ros.models.advanced import AdvancedConfig  # noqa: E402
from mobile_vla_ros.models.checkpoint import load_model  # noqa: E402
from mobile_vla_ros.models.final_fixed import FinalFixedConfig  # noqa: E402
from mobile_vla_ros.models.hybrid import HybridConfig  # noqa: E402
from mobile_vla_ros.models.metadata import BLANK, KEY, SEAL, seal  # noqa: E402
from mobile_vla_ros.training.strategies import read_strategy  # noqa: E402

AGES = 'history_s must be a list of 1 to 32 ages, each more than 0 and less than 60 s, got '
MUCH = [0.1] * 10**5
SAID = {  # of a checkpoint as a whole
    'memory': [10**6, -1, 1.5, True, '128'], 'chunk': [10**9, 0, None], 'text_width': [10**5, 0],
    'image': [10**5, 160.0, 0, [160]], 'history_s': [[], MUCH, [0.0], [float('nan')], ['1'], 'x'],
    'rate_hz': [0, 1e9, '5'], 'model': [['final_fixed'], {}], 'vision': [1], 'text': [None],
    'config': [[], 'x'], 'data': [[]], 'metrics': [3]}
SIZES = {  # of a network
    'hidden': [10**6, 10**18, 1, 0, 64.0, '64', True, None], 'words': [10**6], 'width': [4096],
    'kept': [10**5, 0], 'frame': [10**6, [1]], 'chunk': [10**9, 0], 'dropout': [1.0, -0.1, '0'],
    'z_weight': [float('nan'), float('inf'), 'x'], 'history_s': [[], (), MUCH, [-1], 0.4, None]}


def each(table):
    return [pytest.param(name, value, id=f'{name} {value!r:.12}')
            for name, values in table.items() for value in values]


@pytest.fixture(scope='module', params=['onnx', 'safetensors'])
def shipped(request):
    """Return a shipped file's kind, what it says, and a way to write it with something else."""
    path = share_file('checkpoints', f'{SHIPPED["final_fixed"]}.{request.param}')
    if request.param == 'onnx':
        network = onnx.load(path)
        said, = (p for p in network.metadata_props if p.key == KEY)
        told = json.loads(said.value)
    else:
        weights = load_file(path)
        with safe_open(path, 'pt') as file:
            told = json.loads(file.metadata()[KEY])
    told['seal'] = (SEAL + BLANK).decode()

    def write(path, **changes):
        text = json.dumps({**told, **changes})
        if request.param == 'onnx':
            said.value = text
            onnx.save(network, path)
        else:
            path.write_bytes(save(weights, {KEY: text}))
        seal(path)
        return path
    return request.param, told, write


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def refused(read, *args) -> str:
    """Return why, if it is one line and costs no memory to speak of."""
    before = peak_kib()
    with pytest.raises(ValueError) as told:
        read(*args)
    words = str(told.value)
    assert '\n' not in words and len(words) < 700 and peak_kib() < before + 2**17
    return words


@pytest.mark.parametrize('name, value', each(SAID))
def test_a_checkpoint_that_asks_for_too_much_is_refused(shipped, tmp_path, name, value):
    kind, _, write = shipped
    path = write(tmp_path / f'a.{kind}', **{name: value})
    words = refused(load_policy, path)
    assert words.startswith(f'{path}: ') and name in words
    if value == [] and name == 'history_s':
        assert words == f'{path}: metadata {AGES}()'


def test_what_was_shipped_loads_when_written_again(shipped, tmp_path):
    kind, told, write = shipped
    assert load_policy(write(tmp_path / f'a.{kind}')).metadata.chunk == told['chunk']


@pytest.mark.parametrize('name, value', each(SIZES) + each({'heads': [5], 'hidden': [1024]}))
def test_a_network_that_is_not_the_files_is_refused(shipped, tmp_path, name, value):
    """The last two are fine by themselves; the weights in the file are others."""
    kind, told, write = shipped
    if kind == 'onnx':
        pytest.skip('holds its network, and no config rebuilds it')
    path = write(tmp_path / 'a.safetensors', config={**told['config'], name: value})
    assert refused(load_model, path).startswith(f'{path}: ')


@pytest.mark.parametrize('name, value', each(SIZES))
@pytest.mark.parametrize('kind', [FinalFixedConfig, AdvancedConfig])
def test_a_config_says_what_is_allowed(kind, name, value):
    words = refused(lambda: kind(**{name: value}))
    assert name in words and 'must be' in words
    words = refused(lambda: HybridConfig(advanced={name: value}))
    assert name in words


@pytest.mark.parametrize('value', [0, 1, 'x', None])
def test_an_ensemble_says_what_is_allowed(value):
    assert 'ensemble_weight must be a number' in refused(lambda: HybridConfig(
        ensemble_weight=value))
    assert 'final_fixed must be a' in refused(lambda: HybridConfig(final_fixed=value))
    assert 'heads must be a whole number' in refused(lambda: AdvancedConfig(heads=10 ** 9))


@pytest.mark.parametrize('said', ['[]', '7', '[0]', 'no'])
def test_a_strategy_without_ages_is_refused(tmp_path, said):
    path = tmp_path / 'mine.yaml'
    path.write_text(f'model: final_fixed\nconfig: {{history_s: {said}}}\ntrain: {{}}\n')
    assert refused(read_strategy, str(path)).startswith(f'{path}: {AGES}')
