"""docs/reference says what nodes, launch files and verbs declare: nothing missing or invented."""

import difflib
import subprocess
import sys

import pytest
from support.paths import ROOT

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('rosbags', reason='the play node needs a bag')
HERE = ROOT / 'docs' / 'reference'


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """Return a folder with the pages as they are generated now."""
    folder = tmp_path_factory.mktemp('reference')
    ended = subprocess.run([sys.executable, '-m', 'scripts.reference', '--out', str(folder)],
                           cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert not ended.returncode, ended.stderr[-2000:]
    return folder


@pytest.mark.nodes
def test_the_pages_are_those_that_are_generated(written):
    assert {p.name for p in HERE.iterdir()} == {p.name for p in written.iterdir()}


@pytest.mark.nodes
@pytest.mark.parametrize('name', sorted(path.name for path in HERE.iterdir()))
def test_a_page_says_what_the_code_says(written, name):
    kept, made = ((folder / name).read_text(encoding='utf-8').splitlines()
                  for folder in (HERE, written))
    changed = list(difflib.unified_diff(kept, made, f'docs/reference/{name}', 'the code', n=0))
    assert not changed, 'run `make reference`:\n' + '\n'.join(changed)
