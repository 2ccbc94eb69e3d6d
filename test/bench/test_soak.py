"""The long run, short."""

import json

import pytest

from bench.robustness import soak

pytestmark = pytest.mark.nodes


def test_a_short_run_keeps_what_the_long_one_promises(tmp_path, capsys):
    out = tmp_path / 'soak.json'
    assert soak.main(['--hours', str(14 / 3600), '--out', str(out)]) == 0
    told = json.loads(out.read_text())
    assert told['stalls'] == 2 and told['commands'] > 200 and told['false_stops'] == 0
    assert told['worst_stall_s'] <= soak.STALL_S and told['growth_mb'] <= soak.GROWTH_MB
    assert 'as promised' in capsys.readouterr().out


def test_a_base_that_does_not_go_on_ends_the_run_with_what_was_seen(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(soak, 'CYCLE_S', 2.0)
    monkeypatch.setattr(soak, 'WORDS', (*soak.WORDS[:1], ''))
    out = tmp_path / 'soak.json'
    assert soak.main(['--hours', '0.1', '--out', str(out)]) == 1
    told = json.loads(out.read_text())
    assert told['broken'] == 'moving again: not within 5.0 s' and told['stalls'] == 1
    assert 'moving again: not within 5.0 s: NOT as promised' in capsys.readouterr().out


def test_hours_make_sense(capsys):
    with pytest.raises(SystemExit) as ended:
        soak.main(['--hours', '-1'])
    assert ended.value.code == 2 and '--hours must be within' in capsys.readouterr().err
