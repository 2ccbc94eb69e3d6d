"""What pages are made of, and how they link to each other."""

from html.parser import HTMLParser

from mobile_vla_ros.report.html import document, prose, table, verdict, write_page


class Links(HTMLParser):
    """The links of a page, by what they say."""

    def __init__(self, html):
        super().__init__()
        self.found, self._address = {}, None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == 'a':
            self._address = dict(attrs)['href']

    def handle_data(self, data):
        if self._address:
            self.found[data], self._address = self._address, None


def links(path):
    return Links(path.read_text(encoding='utf-8')).found


def test_pages_of_a_folder_link_to_each_other(tmp_path):
    doctor, replay = tmp_path / 'doctor.html', tmp_path / 'my <drive>.html'
    other = tmp_path / 'other.html'
    other.write_text('<title>not ours</title><nav></nav>')
    write_page(doctor, document('doctor', 'a', ['<p>first</p>']))
    assert not links(doctor), 'it is alone'
    write_page(replay, document('replay', 'b', ['<p>second</p>']))
    assert links(doctor) == {'Replay: my <drive>.html': 'my%20%3Cdrive%3E.html'}
    assert links(replay) == {'Doctor': 'doctor.html'}
    write_page(doctor, document('doctor', 'a', ['<p>anew</p>']))
    assert links(replay) == {'Doctor': 'doctor.html'} and len(links(doctor)) == 1
    assert '<p>second</p>' in replay.read_text() and '<p>anew</p>' in doctor.read_text()
    assert other.read_text() == '<title>not ours</title><nav></nav>'
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ['doctor.html', 'my <drive>.html', 'other.html'])


def test_a_page_in_another_folder_is_not_linked(tmp_path):
    for name in 'ab':
        write_page(tmp_path / name / 'replay.html', document('replay', name, []))
    assert not links(tmp_path / 'a' / 'replay.html')


def test_text_between_backticks_is_code_and_nothing_is_markup():
    assert prose('run `<a>` & <b>') == 'run <code>&lt;a&gt;</code> &amp; &lt;b&gt;'
    assert '<p>&lt;b&gt;</p>' in verdict('ok', '<b>')


def test_the_last_cell_of_a_short_row_fills_it():
    html = table(['a', 'b', 'c'], [['1', '2', '3'], ['4', 'why']], best=0)
    assert '<tr class=best><td>1</td><td>2</td><td>3</td></tr>' in html
    assert '<tr><td>4</td><td colspan="2" class="words">why</td></tr>' in html
