"""The README's tables say what the code does: nothing missing, nothing invented."""

import ast
import json
import re
import subprocess
import sys

import pytest
from support.paths import ROOT

CREATE = ('create_publisher', 'create_subscription', 'create_service')
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').rglob('*.md'))]
README = (ROOT / 'README.md').read_text(encoding='utf-8')


def table(heading: str) -> dict:
    """Return name -> second cell of the table whose head starts with `heading`, in a section."""
    body = README.split(f'| {heading} |', 1)[1].split('\n\n', 1)[0]
    rows = [line for line in body.splitlines() if line.startswith('| `')]
    return {name: value.strip() for name, value in
            (re.match(r'\| `([^`]+)` \| ([^|]*)\|', row).groups() for row in rows)}


def shown(default) -> str:
    if isinstance(default, tuple):
        return json.dumps(list(default))
    return str(default).lower() if isinstance(default, bool) else repr(default)


@pytest.mark.parametrize('node', ['drive', 'sim', 'record', 'teleop', 'play', 'compare'])
def test_the_parameters_are_those_of_the_code(node):
    pytest.importorskip('rclpy')
    if node == 'drive':
        from mobile_vla_ros.nodes.drive_settings import SETTINGS
    elif node == 'sim':
        from mobile_vla_ros.nodes.sim import SETTINGS
    elif node == 'record':
        from mobile_vla_ros.nodes.record import SETTINGS
    elif node == 'play':
        from mobile_vla_ros.nodes.play import SETTINGS
    elif node == 'compare':
        from mobile_vla_ros.nodes.compare import SETTINGS
    else:
        from mobile_vla_ros.nodes.teleop import SETTINGS
    assert table(f'{node} parameter') == {s.name: f'`{shown(s.default)}`' for s in SETTINGS}


@pytest.mark.parametrize('section, module', [
    ('## The drive node', 'drive'), ('## The simulator node', 'sim'),
    ('## The play node', 'play'), ('## The compare node', 'compare')])
def test_the_topics_and_services_are_those_of_the_code(section, module):
    body = README.split(section, 1)[1].split('\n## ', 1)[0]
    body = body.split('| topic or service |', 1)[1].split('\n\n', 1)[0]
    documented = set(re.findall(r'^\| `([^`]+)`', body, re.M))
    source = (ROOT / 'mobile_vla_ros' / 'nodes' / f'{module}.py').read_text(encoding='utf-8')
    named = set()
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and getattr(call.func, 'attr', '') in CREATE:
            named |= {argument.value for argument in call.args
                      if isinstance(argument, ast.Constant) and isinstance(argument.value, str)}
    topics = set(re.findall(r"'(image/compressed|image)'", source))  # chosen by a parameter
    assert documented == named | topics


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_every_local_link_leads_somewhere(page):
    for target in re.findall(r'\]\((?!http)([^)#]+)\)', page.read_text(encoding='utf-8')):
        assert (page.parent / target).exists(), target


def test_every_option_that_is_shown_exists():
    shown_options = {}
    for page in PAGES:
        text = page.read_text(encoding='utf-8').replace('\\\n', ' ')
        for verb, rest in re.findall(r'python -m mobile_vla_ros ((?:dataset )?\w+)(.*)', text):
            found = re.findall(r'(?<!\S)--[a-z-]+', rest.split('--ros-args')[0])
            shown_options.setdefault(verb, set()).update(found)
    assert len(shown_options) > 6 and '--to' in shown_options['dataset export']
    for verb, options in shown_options.items():
        told = subprocess.run([sys.executable, '-m', 'mobile_vla_ros', *verb.split(), '--help'],
                              cwd=ROOT, capture_output=True, text=True, check=True).stdout
        unknown = {option for option in options if not re.search(rf'{option}\b', told)}
        assert not unknown, f'{verb} has no {unknown}'


def test_the_results_are_generated():
    from bench.learning import results
    measured = json.loads((ROOT / 'docs' / 'results' / 'closed_loop.json').read_text())
    assert results.table(measured) in README
