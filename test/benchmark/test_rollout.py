"""Closed-loop scores: what is counted, beside which baselines, and how bad input is told."""

import json
import subprocess
import sys

import numpy as np
import pytest

from mobile_vla_ros.benchmark.metrics import summarise
from mobile_vla_ros.benchmark.phrases import PhraseFile
from mobile_vla_ros.benchmark.rollout import Job, Runner, task_of
from mobile_vla_ros.benchmark.statistics import rate, wilson
from mobile_vla_ros.cli.benchmark import main
from mobile_vla_ros.environment.share import share_file
from mobile_vla_ros.sim.language import parse_instruction
from mobile_vla_ros.sim.scenario import make_scenario
from mobile_vla_ros.sim.seeds import TEST, VALIDATION

HELD_OUT = share_file('config', 'phrases', 'held_out.yaml')


def score(tmp_path, *args):
    out = tmp_path / 'out.json'
    assert main([*args, '--processes', '1', '--json', str(out)]) == 0
    return json.loads(out.read_text())


@pytest.mark.parametrize('hits, trials, low, high', [
    # Newcombe 1998, table I: 81/263 and 15/148, method 3 (score, no continuity correction).
    (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)])
def test_the_interval_is_the_published_one(hits, trials, low, high):
    assert wilson(hits, trials) == pytest.approx((low, high), abs=1e-4)
    with pytest.raises(ValueError, match='within 0'):
        wilson(trials + 1, trials)
    assert rate([])['rate'] is None


def test_the_expert_does_every_scene(tmp_path, capsys):
    result = score(tmp_path, '--policy', 'expert', '--episodes', '12')
    assert result['rates']['success']['rate'] == 1.0
    assert len(result['rows']) == 12 and result['rows'][0]['seed'] == TEST.start
    assert 'success' in capsys.readouterr().out


def test_the_shipped_policy_beats_the_trivial_ones(tmp_path):
    policy, blind, mute, constant = (
        score(tmp_path, '--policy', name, '--episodes', episodes, '--first-seed',
              str(VALIDATION.start + 500_000))
        for name, episodes in (('checkpoint', '6'), ('blind', '3'), ('no-text', '4'),
                               ('constant', '3')))
    assert policy['rates']['success']['hits'] >= 4
    assert mute['rates']['success']['hits'] <= 1
    for trivial in (blind, constant):
        assert trivial['rates']['success']['hits'] == 0
    assert len(policy['checkpoint_sha256']) == 64 and policy['data_digest']


def test_other_sides_and_words_are_obeyed(tmp_path):
    result = score(tmp_path, '--swap-sides', '--phrases', str(HELD_OUT), '--episodes', '6',
                   '--first-seed', str(VALIDATION.start + 500_000))
    assert result['rates']['side_obeyed']['hits'] >= 4
    for row in result['rows']:
        assert parse_instruction(row['instruction'])[0] == row['asked_side']
        original, _ = task_of(row['seed'], Job())
        assert row['asked_side'] != original.side


def test_another_bottle_of_the_scene_is_asked_for_and_reached(tmp_path):
    result = score(tmp_path, '--swap-colors', '--policy', 'expert', '--episodes', '4',
                   '--processes', '1')
    assert result['job']['swap'] == 'colors' and len(result['rows']) == 4
    for row in result['rows']:
        own = make_scenario(row['seed'])
        assert row['asked_color'] in [bottle.color for bottle in own.bottles]
        assert row['asked_color'] != own.color and row['asked_side'] == own.side
        assert parse_instruction(row['instruction']) == (own.side, row['asked_color'])
        assert row['reachable'] and row['bottle'] == row['asked_color'] and row['bottle_ok']
    obeyed = result['rates']['color_obeyed']
    assert (obeyed['hits'], obeyed['trials']) == (4, 4) and 'side_obeyed' not in result['rates']


def test_the_constant_is_what_was_driven_on_average_in_training():
    runner = Runner(Job(open_loop=True))
    wanted, mean = [], np.array(runner.policy.metadata.data['mean_command'])
    runner.watch = lambda sim, command: wanted.append(command)
    errors = np.array(runner.run(TEST.start)['errors'])  # (frames, 2, 3)
    assert mean[0] > 0.1 and errors[:, 1] == pytest.approx(np.abs(wanted - mean), abs=1e-9)
    assert np.abs(wanted).max() > 0.1 and not np.array_equal(errors[:, 0], errors[:, 1])
    del wanted[:]
    runner.run(TEST.start, Job(policy='constant'))
    assert len(wanted) > 10 and (np.array(wanted) == mean).all()
    runner.sim.close()


def broken(how, path):
    """Write the shipped checkpoint with one thing wrong."""
    onnx = pytest.importorskip('onnx')
    from mobile_vla_ros.models.metadata import KEY, Metadata, seal
    from onnx import helper, numpy_helper
    model = onnx.load(share_file('checkpoints', 'default.onnx'))
    sealed = Metadata.from_json(model.metadata_props[0].value, path)
    helper.set_model_props(model, {KEY: sealed.to_json()})
    tensors = dict(zip(('text_by', 'by', 'plus'), {
        'deaf': (0, 1, 0), 'flipped': (1, [1, -1, 1], 0), 'constant': (1, 0, [0.25, 0, 0])}[how]))
    nodes = model.graph.node
    for node in nodes:
        node.input[:] = ['heard' if name == 'text' else name for name in node.input]
        node.output[:] = ['planned' if name == 'commands' else name for name in node.output]
    nodes.insert(0, helper.make_node('Mul', ['text', 'text_by'], ['heard']))
    nodes.append(helper.make_node('Mul', ['planned', 'by'], ['scaled']))
    nodes.append(helper.make_node('Add', ['scaled', 'plus'], ['commands']))
    model.graph.initializer.extend(
        numpy_helper.from_array(np.float32(value), name) for name, value in tensors.items())
    onnx.save(model, path)
    seal(path)
    return path


@pytest.mark.parametrize('how, figure', [
    ('nothing', None), ('deaf', 'side_obeyed'), ('flipped', 'wrong_side'),
    ('constant', 'success')])
def test_a_broken_model_fails_the_figure_that_is_made_for_it(tmp_path, capsys, how, figure):
    spec = tmp_path / 'spec.yaml'
    spec.write_text('rates.success.rate: {min: 0.6}\nrates.wrong_side.rate: {max: 0.2}\n'
                    'rates.side_obeyed.rate: {min: 0.8}\n')
    model = [] if figure is None else ['--checkpoint', str(broken(how, tmp_path / 'b.onnx'))]
    status = main(['--swap-sides', '--episodes', '4', '--fail-under', str(spec), '--processes',
                   '1', '--first-seed', str(VALIDATION.start + 500_000), *model])
    told = capsys.readouterr()
    if figure is None:
        assert status == 0, told
    else:
        assert status == 1 and f'rates.{figure}.rate is' in told.out + told.err, told


def test_open_loop_stands_beside_a_constant(tmp_path):
    result = score(tmp_path, '--open-loop', '--episodes', '4', '--first-seed',
                   str(VALIDATION.start + 500_000))
    for axis in (0, 1):
        assert result['rates']['mae'][axis] < result['rates']['constant_mae'][axis]


def test_the_rates_count_what_they_say():
    base = {'success': False, 'contacts': 0, 'side_ok': True, 'stopped': True, 'bottle': 'red',
            'bottle_ok': False, 'language': 'en'}
    rows = [{**base, 'success': True, 'bottle_ok': True}, {**base, 'side_ok': False},
            {**base, 'contacts': 2, 'stopped': False}, {**base, 'stopped': False},
            {**base, 'reachable': False}]
    rates = summarise(rows, Job(swap='sides'))
    hits = {name: (value['hits'], value['trials']) for name, value in rates.items()}
    assert hits == {'success': (1, 4), 'contact': (1, 4), 'wrong_side': (1, 4),
                    'wrong_bottle': (1, 4), 'not_finished': (1, 4), 'side_obeyed': (3, 4),
                    'success_en': (1, 4)}
    rates = summarise(rows, Job(swap='colors'))
    assert (rates['color_obeyed']['hits'], rates['color_obeyed']['trials']) == (1, 4)
    assert 'side_obeyed' not in rates and 'color_obeyed' not in summarise(rows, Job())


@pytest.mark.parametrize('content, message', [
    ('just words', 'a phrases file is'), ('en: [a]', 'needs templates'),
    ('en: {templates: ["go {side}"]}', 'must hold'),
    ('en: {templates: ["{side} {color}"]}', 'needs the words for side'),
    ('en: {templates: ["{side} {color}"], side: {left: l}, color: {}}', 'no word for right')])
def test_a_bad_phrases_file_is_explained(tmp_path, content, message):
    path = tmp_path / 'phrases.yaml'
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        PhraseFile(path)


@pytest.mark.parametrize('args, message', [
    (['benchmark', '--checkpoint', 'nowhere.onnx'], 'nowhere.onnx'),
    (['benchmark', '--fail-under', 'nowhere.yaml'], 'nowhere.yaml'),
    (['benchmark', '--backend', 'tpu'], 'tpu'), (['benchmark', '--episodes', '0'], 'episodes'),
    (['benchmark', '--episodes', 'x'], "invalid int value: 'x'"), (['train'], '--data'),
    (['demo', '--seed', 'x'], '--seed'), (['demo', '--backend', 'tpu'], 'tpu'),
    (['export', 'nowhere.safetensors', 'out.onnx'], 'nowhere.safetensors: no such file'),
    (['export', 'checkpoints/default.onnx', 'out.onnx'], 'is a runtime file already'),
    (['train', '--data', 'x', '--out', 'y', '--collect', '-2'], 'must be 0 or more, got -2'),
    (['checkpoint', '--rounds', '-1'], '--rounds must be 0 or more, got -1'),
    (['checkpoint', '--teacher', '0'], '--teacher must be 1 or more, got 0'),
    (['nonsense'], 'one of demo')])
def test_bad_input_is_one_line_and_a_status(args, message):
    run = subprocess.run([sys.executable, '-m', 'mobile_vla_ros', *args], capture_output=True,
                         text=True)
    assert run.returncode == 2
    lines = run.stderr.strip().splitlines()
    assert len(lines) == 1 and message in lines[0], run.stderr
