"""The verb `dataset doctor`: what it prints, the page and the file that it writes."""

import json

import pytest

pytest.importorskip('rosbags')
from support.bags import ODD_TOLD, TEXT, write, write_odd  # noqa: E402
from support.expert_drive import write_bag  # noqa: E402

from mobile_vla_ros.cli import dataset as verb  # noqa: E402


def test_the_verb_writes_a_page_and_ends_by_its_verdict(tmp_path, capsys):
    write_bag(tmp_path / 'a', seconds=3.0)
    out, html = tmp_path / 'd.json', tmp_path / 'd.html'
    assert verb.main(['doctor', str(tmp_path / 'a'), '--json', str(out),
                      '--html', str(html)]) == 0
    told = json.loads(out.read_text())
    assert [row['level'] for row in told['verdicts']] == ['warn', 'warn']
    assert told['recordings'][0]['mean_command']['linear_x'] > 0
    assert sum(told['histograms']['angular_z']['counts']) > 20
    page = html.read_text()
    assert 'data:image/jpeg' in page and 'http' not in page and '`' not in page
    assert 'Checkup of 1 recording<' in page and 'Fit to train. Two things to look at' in page
    assert page.index('What was found') < page.index('What was driven') < page.index('<table')
    assert told['recordings'][0]['path'] == str(tmp_path / 'a')
    assert 'scenarios' not in page and 'distances' not in page, 'nobody gave labels'
    (tmp_path / 'b.mcap').write_bytes(b'nonsense')
    assert verb.main(['doctor', str(tmp_path / 'b.mcap'), '--html', str(html)]) == 1
    assert 'not a readable bag' in capsys.readouterr().out


def test_the_verb_tells_recordings_by_label(tmp_path):
    for i, distance in enumerate(['close', 'far', 'far', '']):
        write(tmp_path / 'drives' / f'{i}', info={'scenario': '<hall>', 'distance': distance})
    out, html = tmp_path / 'd.json', tmp_path / 'd.html'
    assert verb.main(['doctor', str(tmp_path / 'drives'), '--json', str(out),
                      '--html', str(html)]) == 0
    told = json.loads(out.read_text())
    assert told['balance']['distances'] == {'close': 1, 'far': 2}
    assert told['balance']['scenarios'] == {'<hall>': 4}
    assert told['balance']['instructions'] == {TEXT: 4}
    row = told['recordings'][0]
    assert (row['scenario'], row['distance']) == ('<hall>', 'close')
    page = html.read_text()
    assert '<li>distances: close 1, far 2</li>' in page
    assert '<li>scenarios: &lt;hall&gt; 4</li>' in page
    assert f'<li>instructions: {TEXT} 4</li>' in page


def test_what_is_left_out_of_a_bag_is_told(tmp_path, capsys):
    write_odd(tmp_path / 'a')
    out = tmp_path / 'd.json'
    assert verb.main(['doctor', str(tmp_path / 'a'), '--json', str(out)]) == 1
    said = capsys.readouterr().out
    for words in (f'cannot be read: a ({ODD_TOLD[0]}); left out',
                  f'repeat or go back: a ({ODD_TOLD[1]}); mend the camera driver',
                  f'do not follow each other: a ({ODD_TOLD[2]}); cut there',
                  'its recorder noted faults: a (the clock was set 1 times)'):
        assert words in said, said
    row, = json.loads(out.read_text())['recordings']
    messages = row['messages']
    assert row['frames'] == messages['stored']['image'] == 60 and messages['stale'] == 53
    assert messages['read']['command'] == 59 and row['seconds'] < 9.0
    assert not row['gaps'] and row['frame_hz'] == pytest.approx(10.0)


def test_a_refusal_comes_with_its_own_remedy(tmp_path, capsys):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / 'a_0.mcap').write_bytes(b'\x89MCAP0\r\n' + b'\1' * 50)
    (tmp_path / 'b').mkdir()
    assert verb.main(['doctor', str(tmp_path / 'a'), str(tmp_path / 'b')]) == 1
    one, two = capsys.readouterr().out.strip().splitlines()
    assert one.endswith(f'); make it whole: dataset repair {tmp_path / "a"}')
    assert two.endswith('; give the folder of one, or a file')
