"""The table of faults says what the tests found."""

import json

import pytest

from bench.robustness import faults
from bench.pages import put
from support.paths import ROOT


@pytest.mark.parametrize('name, ids', [
    ('test_1_a_stalled_camera', [1]), ('test_5_6_7_a_bad_file[pickle]', [5, 6, 7]),
    ('test_17_and_18_odd', [17, 18]), ('test_100_ways', [100]), ('test_no_number_2', [])])
def test_a_name_says_which_faults(name, ids):
    assert faults.ids_of(name) == ids


def test_a_row_holds_the_worst_and_a_broken_promise_shows():
    rows = faults.make_rows(
        [('test_1_x', True), ('test_2_x', True), ('test_2_y', False)],
        [{'test': 'test_1_x', 'seconds': s, 'limit': limit}
         for s, limit in ((0.2, 0.32), (0.29, 0.3), (0.3, 0.32))])
    first, second, third = rows[:3]
    assert (first['trials'], first['worst'], first['goal'], first['ok']) == (3, 0.29, 0.3, True)
    assert second['ok'] is False and third['ok'] is None
    text = faults.table(rows)
    assert '290 ms | 300 ms | holds' in text and '**broken**' in text and 'not tested yet' in text


def test_some_rows_are_measured_anew_and_the_others_stay(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(faults, 'FILES', ('test_messages.py',))  # no nodes
    page, out, committed = (tmp_path / name for name in ('page.md', 'faults.json', 'kept.json'))
    page.write_text('<!-- faults:begin --><!-- faults:end -->')
    before = faults.make_rows([('test_1_x', True)], [])
    committed.write_text(json.dumps(before))  # there is no out/ in a fresh clone
    assert faults.main(['10', '--out', str(out), '--kept', str(committed), '--page',
                        str(page)]) == 0
    assert committed.read_text() == out.read_text()
    rows = {row['id']: row for row in json.loads(out.read_text())}
    assert rows[10]['ok'] and rows[10]['trials'] > 3 and rows[1] == before[0]
    assert rows[2]['ok'] is None
    assert '| 10 | truncated JPEG, decompression bomb | ' in page.read_text()


@pytest.mark.parametrize('argv, words', [
    (['99', '0'], 'no row 99, 0; the rows are 1, 2,'), (['--trials', '-1'], '--trials must be')])
def test_a_wrong_argument_is_one_line(argv, words, capsys):
    with pytest.raises(SystemExit) as ended:
        faults.main(argv)
    assert ended.value.code == 2
    line, = capsys.readouterr().err.splitlines()
    assert words in line


def test_every_fault_has_a_test():
    assert all(faults.tests_of([number]) for number in faults.FAULTS)
    assert faults.tests_of([7]) == ['test_5_6_7_a_bad_file_is_refused_and_never_active',
                                    'test_7_a_pickle_is_refused_unread']
    assert 'test_4_any_bit_pattern_gives_a_finite_output_within_limits' in faults.tests_of([4])
    assert 'test_5_weights_that_are_not_finite_are_refused' in faults.tests_of([5])
    assert (ROOT / 'docs' / 'safety.md').read_text().count('<!-- faults:begin -->') == 1


def test_the_table_is_of_the_committed_rows():
    rows = json.loads((ROOT / 'docs' / 'results' / 'faults.json').read_text())
    assert faults.table(rows) in (ROOT / 'docs' / 'safety.md').read_text()


def test_a_page_keeps_what_stands_around_its_marks(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text('before <!-- a:begin -->old<!-- a:end --> after')
    put(page, 'a', 'new')
    assert page.read_text() == 'before <!-- a:begin -->\nnew\n<!-- a:end --> after'
    with pytest.raises(ValueError, match='page.md needs the marks <!-- b:begin -->'):
        put(page, 'b', 'new')
