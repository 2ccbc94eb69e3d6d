"""YAML files that say little and stand for much: refused in one line, wherever YAML is read."""

import pytest
import yaml

from mobile_vla_ros.benchmark.phrases import PhraseFile
from mobile_vla_ros.data.storage.metadata import read_metadata
from mobile_vla_ros.launching import params_file, ros_arguments
from mobile_vla_ros.report.gate import read_spec
from mobile_vla_ros.yaml_file import LARGEST, load


def laughs(first: str, times: int, levels: int = 30) -> str:
    """Return lines of which each stands for `times` of the one before."""
    return '\n'.join([f'l0: &l0 {first}', *(
        f'l{i}: &l{i} [{", ".join([f"*l{i - 1}"] * times)}]' for i in range(1, levels))])


MERGES = '\n'.join(['l0: &l0 {a: 1}', *(
    f'l{i}: &l{i} {{<<: [*l{i - 1}, *l{i - 1}]}}' for i in range(1, 30))])
BOMBS = {
    'nine of nine': (laughs('lol', 9), 'aliases stand for more than'),
    'few aliases': (laughs('lol', 2), 'aliases stand for more than'),
    'one long text': (f'a: &a {"x" * 10**5}\nb: [{", ".join(["*a"] * 50)}]', 'stand for more'),
    'merges': (MERGES, 'aliases stand for more than'),
    'itself': ('a: &a [*a]', 'an alias stands for what it is in'),
    'itself, deeper': ('a: &a {b: {c: [*a]}}', 'an alias stands for what it is in'),
    'depth': ('a: ' + '[' * 2000, 'nested too deeply'),
    'a number': ('a: ' + '1:' * 10**5 + '1', 'a number has 200001 characters'),
    'no value': ('a: !!timestamp x', ''), 'size': ('a: ' + 'x' * LARGEST, 'more than 4194304')}


def read_strategy(path):
    pytest.importorskip('mobile_vla_ros.training.strategies').read_strategy(str(path))


@pytest.mark.parametrize('name', BOMBS)
@pytest.mark.parametrize('read', [read_spec, PhraseFile, read_strategy, params_file.read],
                         ids=lambda read: read.__name__)
def test_a_file_that_stands_for_much_is_refused(tmp_path, read, name):
    text, message = BOMBS[name]
    path = tmp_path / 'a.yaml'
    path.write_text(text)
    if read is params_file.read:  # takes no alias at all, and no lists but for values
        message = {'depth': message, 'size': message}.get(name, '')
    with pytest.raises(ValueError) as refused:
        read(path)
    told = str(refused.value)
    assert str(path) in told and message in told and '\n' not in told and len(told) < 600


@pytest.mark.parametrize('name', BOMBS)
def test_such_metadata_makes_no_sense_and_the_files_are_the_truth(tmp_path, name):
    text, _ = BOMBS[name]
    (tmp_path / 'metadata.yaml').write_text('rosbag2_bagfile_information: {custom_data: {a: b}}\n')
    assert read_metadata(tmp_path).info == {'a': 'b'}
    (tmp_path / 'metadata.yaml').write_text(
        f'rosbag2_bagfile_information: {{custom_data: {{a: b}}}}\n{text}')
    assert read_metadata(tmp_path).unreadable


@pytest.mark.parametrize('name', BOMBS)
def test_an_argument_that_stands_for_much_is_no_word_in_quotes(name):
    assert not ros_arguments.is_quoted('"' + BOMBS[name][0])


def test_what_is_said_twice_is_read():
    """PyYAML writes what is there twice as an alias, so that aliases as such are no harm."""
    same = {'history_s': [0.4, 1.0], 'words': '왼쪽'}
    text = yaml.safe_dump({'a': same, 'b': [same] * 20}, allow_unicode=True)
    assert '*id001' in text and load(text) == {'a': same, 'b': [same] * 20}
    assert load('a: &x {p: 1}\nb: {<<: *x, q: 0x1f}') == {'a': {'p': 1}, 'b': {'p': 1, 'q': 31}}


def test_a_template_takes_no_width():
    with pytest.raises(ValueError, match='and nothing else in braces'):
        _phrases('{side:>999999999999} {color}')
    _phrases('{side} {color}')


def _phrases(template):
    from mobile_vla_ros.benchmark.phrases import _language
    _language('a.yaml', 'en', {'templates': [template], 'side': {'left': 'l', 'right': 'r'},
                               'color': {'red': 'red'}})
