"""The scoreboard's rows, short: ratios only, as times say nothing on a shared machine."""

import json
from pathlib import Path
import sys

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'benchmark'))

import bench  # noqa: E402
from bench_rows import median, Row  # noqa: E402
import scale  # noqa: E402

pytestmark = pytest.mark.alone
LEAST = {'P1': 1.5, 'P5': 1.3, 'P10': 1.3, 'P7': 0.9}  # times better, far from the goals


def test_ours_is_better_by_a_factor(tmp_path, capsys):
    assert bench.main(['--short', '--out', str(tmp_path), *LEAST, 'P2']) == 0
    rows = {row['id']: row for row in json.loads((tmp_path / 'bench.json').read_text())['rows']}
    assert set(rows) == {*LEAST, 'P2'}
    assert {name: rows[name]['ratio'] for name in LEAST if rows[name]['ratio'] < LEAST[name]} \
        == {}
    assert rows['P2']['ratio'] > 0.2  # of the floor
    assert rows['P7']['ours'] > 95
    assert '| P5 | policy inference' in capsys.readouterr().out
    before = rows['P5']
    assert bench.main(['--short', '--out', str(tmp_path), 'P10']) == 0
    rows = {row['id']: row for row in json.loads((tmp_path / 'bench.json').read_text())['rows']}
    assert rows['P5'] == before and len(rows) == 5, 'rows measured before stay'


def test_what_two_processes_gain_is_a_ratio():
    assert '| scenes | 1.5 | 2.7 | 1.80 |' in scale.table({'scenes': {1: 1.5, 2: 2.7}})


def test_an_unknown_row_is_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        bench.main(['P99'])
    assert ended.value.code == 2
    assert capsys.readouterr().err == 'error: no row P99; the rows are P1 to P17\n'


def test_a_goal_that_is_missed_is_said_to_be(tmp_path):
    rows = [Row('P1', 'x', 'ms', 7.5, 75.0, 'naive', 10.0, '<= 5', False,
                'p99 20 ms').as_dict(),
            Row('P16', 'y', 'equal', 1.0, None, 'itself', None, 'same', True).as_dict()]
    text = bench.table(rows)
    assert '| P1 | x | 7.5 ms; p99 20 ms | 75 (naive) | 10.0 | <= 5 | **missed** |' in text
    assert '| P16 | y | 1 equal | itself |  | same | met |' in text
    bench.plot(rows, tmp_path / 'a.png')
    assert (tmp_path / 'a.png').stat().st_size > 1000


def test_a_run_without_an_answer_counts_as_infinitely_slow():
    runs = [{'p50': 1.0}, {'p50': None}, {'p50': None}]
    assert median(runs, 'p50') == float('inf') and median(runs[:1], 'p50') == 1.0
