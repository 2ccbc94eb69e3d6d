"""The pages in a real browser: nothing fails in it, nothing is asked of the network."""

import os
from pathlib import Path
import re
import shutil

import pytest

sync_api = pytest.importorskip('playwright.sync_api', reason='needs playwright')
pytest.importorskip('rosbags')
pytest.importorskip('mujoco')
from support.bags import write  # noqa: E402

from mobile_vla_ros.cli import benchmark, dataset, replay  # noqa: E402
from mobile_vla_ros.report.html import document  # noqa: E402
from support.paths import ROOT  # noqa: E402

NAMES = ('chromium', 'chromium-browser', 'google-chrome')
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
SHOTS = os.environ.get('MOBILE_VLA_SHOTS')  # a folder for pictures of the pages
pytestmark = pytest.mark.skipif(BROWSER is None, reason=f'needs a browser: {", ".join(NAMES)}')


@pytest.fixture(scope='module')
def browser():
    with sync_api.sync_playwright() as playwright:
        # Root, as in many containers, has no sandbox; the pages are our own.
        opened = playwright.chromium.launch(executable_path=BROWSER, args=['--no-sandbox'])
        yield opened
        opened.close()


def looked_at(browser, path: Path, width: int = 1280, scheme: str = 'light') -> tuple:
    """Return (complaints, requests that left, images, widths of page and window) of a page."""
    page, told, left = browser.new_page(viewport={'width': width, 'height': 900},
                                        color_scheme=scheme), [], []
    page.on('console', lambda message: told.append(f'{message.type}: {message.text}'))
    page.on('pageerror', lambda error: told.append(str(error)))
    page.on('request', lambda request: left.append(request.url)
            if not request.url.startswith(('data:', path.as_uri())) else None)
    page.goto(path.as_uri(), wait_until='networkidle')
    images = page.evaluate('[...document.images].map(i => i.naturalWidth)')
    widths = page.evaluate('[document.documentElement.scrollWidth, '
                           'document.documentElement.clientWidth]')
    if SHOTS:
        page.screenshot(path=f'{SHOTS}/{path.stem}-{width}-{scheme}.png', full_page=True)
    page.close()
    return told, left, images, widths


def bags(folder):
    return [str(write(folder / name, seconds=3.0, compressed=True, age_s=0.03, info=labels))
            for name, labels in (('near', {'scenario': 'two boxes', 'distance': 'close'}),
                                 ('far', {'scenario': 'one box', 'distance': 'far'}))]


def pages(folder):
    """Yield (verb, its arguments, how many pictures the page has at least)."""
    drives = bags(folder)
    still = str(folder.parent / 'nowhere')
    yield 'replay', lambda html: replay.main([*drives, '--html', html]), 4
    film = str(folder / 'film.mp4')
    yield 'film', lambda html: replay.main([drives[0], '--video', film, '--html', html]), 2
    yield 'doctor', lambda html: dataset.main(['doctor', *drives, still, '--html', html]), 1
    shipped = [f'--checkpoint={ROOT}/checkpoints/{name}.onnx' for name in ('default', 'advanced')]
    yield 'comparison', lambda html: replay.main([*drives, *shipped, '--html', html]), 0
    yield 'benchmark', lambda html: benchmark.main(
        ['--episodes', '1', '--policy', 'constant', '--processes', '1', '--html', html,
         '--films', str(folder / 'films')]), 0


def test_every_page_is_whole_and_alone(browser, tmp_path):
    for name, make, pictures in pages(tmp_path):
        html = tmp_path / f'{name}.html'
        make(str(html))
        for window, scheme in ((1280, 'light'), (390, 'dark')):
            told, left, images, (width, inside) = looked_at(browser, html, window, scheme)
            assert not told and not left, (name, told, left)
            assert len(images) >= pictures and all(images), (name, images)
            assert width <= inside, f'{name} is wider than a window of {window} px'


def test_the_slider_moves_the_video_and_every_cursor(browser, tmp_path):
    html = tmp_path / 'a.html'
    bag = write(tmp_path / 'bag', seconds=3.0, size=(64, 48), compressed=True)
    replay.main([str(bag), '--video', str(tmp_path / 'a.mp4'), '--html', str(html)])
    page = browser.new_page()
    page.goto(html.as_uri(), wait_until='networkidle')
    at_s, = page.evaluate("""() => {
        const slider = document.querySelector('.film input');
        slider.value = 0.5 * slider.max;
        slider.dispatchEvent(new Event('input'));
        return [Number(slider.value)];
    }""")
    lefts = page.evaluate('[...document.querySelectorAll(".watch .cursor")].map('
                          'cursor => cursor.style.left)')
    assert len(lefts) == 3 and all(float(left[:-1]) == pytest.approx(50.0, abs=0.5)
                                   for left in lefts)
    assert page.evaluate('document.querySelector("video").currentTime') == pytest.approx(
        at_s, abs=0.15), 'the frame that was there at that time'
    assert page.evaluate('document.querySelector(".film output").textContent') == f'{at_s:.1f} s'
    page.close()


def test_pages_are_dark_where_the_user_wants_it(browser, tmp_path):
    html = tmp_path / 'a.html'
    html.write_text(document('replay', 'a', ['<p>words</p>']))
    shades = []
    for scheme in ('light', 'dark'):
        page = browser.new_page(color_scheme=scheme)
        page.goto(html.as_uri())
        colors = page.evaluate('[getComputedStyle(document.body).backgroundColor, '
                               'getComputedStyle(document.body).color]')
        shades.append([sum(map(int, re.findall(r'\d+', color)[:3])) for color in colors])
        page.close()
    (light, ink), (dark, chalk) = shades
    assert light > 700 and ink < 200 and dark < 100 and chalk > 600


def test_a_page_that_asks_or_fails_is_found(browser, tmp_path):
    path = tmp_path / 'bad.html'
    path.write_text(document('replay', 'bad', ['<img src="http://localhost:9/x.png">',
                                     '<script>console.error("x"); nothing()</script>']))
    told, left, images, _ = looked_at(browser, path)
    assert left == ['http://localhost:9/x.png'] and images == [0]
    assert any('x' == line.split(': ')[-1] for line in told)
    assert any('nothing is not defined' in line for line in told)
