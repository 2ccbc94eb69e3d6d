"""Names and texts by others are words on every page, and never markup."""

from html.parser import HTMLParser
import re

import pytest

pytest.importorskip('rosbags')
pytest.importorskip('mujoco')
from support.bags import write  # noqa: E402
from support.tiny_checkpoint import write as write_tiny  # noqa: E402

from mobile_vla_ros.benchmark import metrics, rollout  # noqa: E402
from mobile_vla_ros.benchmark.page import page as benchmark_page  # noqa: E402
from mobile_vla_ros.cli import dataset, replay  # noqa: E402

EVIL = '<img src=x onerror=alert(1)>"\'&'


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, html):
        super().__init__()
        self.links, self.images, self.wrong, self.words = [], [], [], ''
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name.startswith('on') or '>' in name or '"' in name:
                self.wrong.append((tag, name, value))
            if name == 'src':
                self.images.append(value)
            if name == 'href' and tag == 'a':
                self.links.append(value)

    def handle_data(self, data):
        self.words += data


@pytest.fixture(scope='module')
def evil(tmp_path_factory):
    """Return a bag and two checkpoints of such names, and what no bag is."""
    folder = tmp_path_factory.mktemp('evil')
    bag = write(folder / EVIL, size=(32, 24), says=((0.0, EVIL),),
                info={'scenario': EVIL, 'distance': EVIL})
    (folder / f'{EVIL}.mcap').write_bytes(b'x')
    checkpoints = [str(write_tiny(folder / f'{EVIL}{i}.onnx')) for i in '12']
    return bag, folder / f'{EVIL}.mcap', checkpoints


def benchmark(html, _):
    row = {'success': False, 'contacts': 0, 'side_ok': True, 'stopped': True, 'bottle': 'red',
           'bottle_ok': False, 'language': EVIL, 'instruction': EVIL, 'seed': 2_000_000,
           'path': [(0.0, 0.0), (1.0, 0.1)]}
    job = rollout.Job()
    rates = metrics.summarise([row], job)
    result = {'rates': rates, 'rows': [row], 'job': {'policy': EVIL}, 'suite': EVIL, 'split': EVIL,
              'checkpoint_sha256': EVIL, 'driving': {EVIL: {
                  'median': 1.0, 'quarter': 1.0, 'three quarters': 1.0}},
              'parts': {EVIL: rates, 'b': rates}, 'by': {EVIL: {EVIL: rates}}}
    html.write_text(benchmark_page(result, [(EVIL, job, 2_000_000)], {2_000_000: f'{EVIL}#?.mp4'}))


PAGES = {
    'doctor': lambda html, evil: dataset.main(
        ['doctor', str(evil[0]), str(evil[1]), '--html', str(html)]),
    'replay': lambda html, evil: replay.main(
        [str(evil[0]), '--checkpoint', evil[2][0], '--html', str(html)]),
    'comparison': lambda html, evil: replay.main(
        [str(evil[0]), *(f'--checkpoint={path}' for path in evil[2]), '--html', str(html)]),
    'benchmark': benchmark}


@pytest.mark.parametrize('name', PAGES)
def test_what_others_named_is_no_markup(evil, tmp_path, name):
    html = tmp_path / 'a.html'
    PAGES[name](html, evil)
    tags = Tags(html.read_text(encoding='utf-8'))
    assert not tags.wrong and all(src.startswith('data:image/') for src in tags.images)
    assert EVIL in tags.words
    away = [link for link in tags.links if not re.fullmatch('#[a-z0-9-]+', link)]
    assert all(not set(link) & set('<>"\'&#? ') for link in away)
    assert bool(away) == (name in ('benchmark', 'doctor'))
