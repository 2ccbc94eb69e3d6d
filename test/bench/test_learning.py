"""The comparisons of strategies, of amounts of data and of teachers, on as little as makes one."""

import json
import subprocess
import sys

import pytest
from support.paths import ROOT

pytest.importorskip('torch')
pytest.importorskip('mujoco')


def test_every_strategy_stands_beside_baselines_and_ablations(tmp_path, monkeypatch):
    from bench.learning import strategies

    def compare():
        return strategies.compare(['final_fixed'], tmp_path / 'work', episodes=2, measured=1,
                                  scenes=1, out=tmp_path / 'table.json', epochs=1, word_steps=20)
    results = compare()
    assert json.loads((tmp_path / 'table.json').read_text()) == results
    text = strategies.table(results)
    rows = [line for line in text.splitlines() if line.startswith('|')]
    assert len({row.count('|') for row in rows}) == 1, 'a table that renders'
    assert '0.20-0.22 / 0.38-0.40' in text and 'a leak' in text
    base, ours = results['baselines'], results['strategies']['final_fixed']
    assert base['zero']['mae'][0] > 0.1
    for leak in ('repeat the label', 'repeat the velocity'):
        assert base[leak]['loss'] < base['mean']['loss'] / 2 < base['zero']['loss'], leak
    assert len({ours[key]['loss'] for key in ('test', 'blind', 'no text')}) == 3
    assert ours['closed_loop']['success']['trials'] == 1
    before = (tmp_path / 'work' / 'final_fixed.safetensors').stat().st_mtime_ns
    assert compare() == results, 'what is done is found again'
    assert (tmp_path / 'work' / 'final_fixed.safetensors').stat().st_mtime_ns == before


def test_strengths_and_weaknesses_are_what_was_measured(monkeypatch):
    from bench.learning import strategies

    def row(loss, mae, success, minutes):
        return {'test': {'loss': loss, 'mae': [mae, 0.1, 0.0]}, 'minutes': minutes,
                'closed_loop': {'success': {'rate': success}, 'contact': {'rate': 0.0}}}
    rows = {'a': row(0.1, 0.3, 0.9, 5), 'b': row(0.2, 0.2, 0.5, 1), 'c': row(0.3, 0.2, 0.6, 2)}
    assert strategies.extremes(rows, min) == {'a': 'loss, success', 'b': 'linear x, minutes',
                                              'c': ''}
    assert strategies.extremes(rows, max) == {'a': 'linear x, minutes', 'b': 'success',
                                              'c': 'loss'}


def test_nonsense_is_one_line(tmp_path):
    run = subprocess.run(
        [sys.executable, '-m', 'bench.learning.strategies', '--episodes', '0', '--work',
         str(tmp_path), '--out', str(tmp_path / 'x')], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 2 and run.stderr.strip() == 'error: --episodes must be 1 or more, ' \
        'got 0'


def test_amounts_and_teachers_are_compared(tmp_path, monkeypatch):
    from bench.learning import scaling
    trials = [scaling.Trial('straight', 1, 0.05, 0), scaling.Trial('facing', 1, 1.0, 0)]
    results = scaling.measure(trials, tmp_path, held_out=1, steps=1, scenes=1, processes=1,
                              out=tmp_path / 'table.json', word_steps=20)
    assert json.loads((tmp_path / 'table.json').read_text()) == results
    straight, facing = results['trials'].values()
    turn = [row['open_loop']['constant_mae'][2] for row in (straight, facing)]
    assert turn[1] > 3 * turn[0], 'one that faces the bottle turns'
    for row in (straight, facing):
        assert abs(row['learned_z_weight'] - row['z_weight']) < 0.05
        assert row['closed_loop']['success']['trials'] == 1
    text = scaling.table(results)
    assert '| 1 | 0% | 0% [0%, 79%] |' in text and '| turns its camera to the bottle | 1 |' in text
    scaling.plot(results, tmp_path / 'table.png')
    assert (tmp_path / 'table.png').stat().st_size > 5000
