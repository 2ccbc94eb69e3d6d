"""README, CONTRIBUTING and docs name only what there is: files, headings, commands, figures."""

import json
import re

import pytest
from support.paths import ROOT

PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', ROOT / 'CHANGELOG.md',
         *sorted((ROOT / 'docs').rglob('*.md'))]
REFERENCE = ROOT / 'docs' / 'reference'  # generated: test_reference.py holds it to the code
FOLDERS = ('bench', 'checkpoints', 'config', 'docs', 'launch', 'mobile_vla_ros', 'requirements',
           'scripts', 'test')
FILES = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob('*.py')}
OTHERS_OPTIONS = {  # what our pages show of other programs
    '--show-args', '--ros-args', '--help', '--standalone', '--nproc_per_node', '--once'}
each_page = pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)


def read(page) -> str:
    return page.read_text(encoding='utf-8')


def commands(page) -> list[str]:
    """Return what a page shows as commands: lines of code blocks, and words in backticks."""
    text = read(page).replace('\\\n', ' ')
    blocks = re.findall(r'^    (.*)$', text, re.M)
    prose = re.sub(r'^    .*$', '', text, flags=re.M)
    return [' '.join(line.partition(' # ')[0].split())
            for line in blocks + re.findall(r'`([^`]+)`', prose)]


def everywhere(pattern: str) -> list:
    """Return (page, groups...) of every command on every page that matches."""
    return [(page.name, *found.groups()) for page in PAGES for command in commands(page)
            for found in re.finditer(pattern, command)]


def documented(page: str) -> dict:
    """Return heading: first words of its tables, of a page of the reference."""
    sections = re.split(r'^## ', read(REFERENCE / page), flags=re.M)[1:]
    return {section.split('\n')[0]: {re.split(r'[ ]', name)[0] for name in
                                     re.findall(r'^\| `([^`]+)`', section, re.M)}
            for section in sections}


def nodes() -> dict:
    """Return node: names of its topics, services and parameters."""
    found = {heading.split()[1]: names for heading, names in documented('nodes.md').items()}
    return {'sim': found.pop('simulator'), **found}


def test_the_readme_is_short():
    assert len(read(ROOT / 'README.md').splitlines()) <= 160


def test_the_rooms_are_those_that_are_checked():
    text = read(ROOT / '.importlinter').split('\nlayers =\n')[1].split('\n\n')[0]
    layers = [line.replace(' | ', ' ').split() for line in text.splitlines()]
    table = read(ROOT / 'CONTRIBUTING.md').split('| room |')[1].split('\n\n')[0]
    rooms = [re.findall(r'`(\w+)`', line.split('|')[1]) for line in table.splitlines()[2:]]
    assert rooms == layers


def anchors(page) -> set:
    """Return the anchors of a page's headings, as GitHub makes them."""
    return {re.sub(r'[^\w\- ]', '', heading.lower()).strip().replace(' ', '-')
            for heading in re.findall(r'^#+ (.*)$', read(page), re.M)}


@each_page
def test_every_link_leads_somewhere(page):
    for words, target in re.findall(r'\[([^\]]*)\]\((?!http)([^)\s]+)\)', read(page)):
        file, _, anchor = target.partition('#')
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), f'{target}: no such file'
        assert not anchor or anchor in anchors(there), f'{target}: no such heading'
        if words.strip('`').endswith('.py'):
            assert words.strip('`') == there.name, f'{words} leads to {target}'


@each_page
def test_every_file_that_is_named_exists(page):
    for command in commands(page):
        for path in re.findall(rf'(?<![\w/.$-])(?:{"|".join(FOLDERS)})/[\w./-]*', command):
            assert 'NAME' in path or (ROOT / path.rstrip('.')).exists(), f'no {path}'
        for path in re.findall(r'^([\w/]+\.py)$', command):
            folders = ROOT, ROOT / 'mobile_vla_ros'
            assert any((folder / path).exists() for folder in folders) if '/' in path else \
                path in FILES, f'there is no {path}'


def test_every_verb_and_option_exists():
    verbs, options = documented('commands.md'), {}
    shown = everywhere(r'(?:python -m|ros2 run) mobile_vla_ros ((?:dataset )?[a-z]+)(.*)')
    for page, verb, rest in shown:
        rest = rest.partition('--ros-args')[0]
        names = set(re.findall(r'(?<!\S)(--[a-z0-9-]+)', rest))
        assert verb in verbs or verb in nodes() and not names, f'{page}: no verb {verb}'
        assert names <= verbs.get(verb, set()), f'{page}: {verb} has no {names - verbs[verb]}'
        options.setdefault(verb, set()).update(names)
    assert len(options) > 6 and '--to' in options['dataset export']
    known = {name for names in verbs.values() for name in names} | OTHERS_OPTIONS
    for page, option in everywhere(r'^(--[a-z0-9-]+)'):
        assert option in known, f'{page}: no verb has {option}'
    for page, verb in everywhere(r'^(?:dataset) ([a-z]+)'):
        assert f'dataset {verb}' in verbs, f'{page}: no dataset {verb}'


def test_every_make_target_and_variable_exists():
    makefile = read(ROOT / 'Makefile')
    shown = everywhere(r'^make ([a-z]+)((?: [A-Z_]+=(?:\'[^\']*\'|\S+))*)')
    assert {'demo', 'test', 'reference'} <= {target for _, target, _ in shown}
    for page, target, variables in shown:
        assert re.search(rf'^{target}:', makefile, re.M), f'{page}: no make {target}'
        for name in re.findall(r' ([A-Z_]+)=', variables):
            assert re.search(rf'\b{name}\b', makefile), f'{page}: make takes no {name}'


def test_every_module_that_is_run_exists():
    for page, module in everywhere(r'python -m ((?:bench|scripts)[\w.]*)'):
        path = ROOT / module.replace('.', '/')
        assert path.with_suffix('.py').exists() or (path / '__main__.py').exists(), \
            f'{page}: no module {module}'


def test_every_launch_argument_exists():
    files = documented('launch.md')
    shown = everywhere(r'(\w+\.launch\.py)(.*)')
    assert len(shown) > 10
    for page, file, rest in shown:
        assert file in files, f'{page}: no {file}'
        known = files[file] | (files['robot.launch.py'] if file != 'replay.launch.py' else set())
        names = set(re.findall(r' (\w+):=', rest))
        assert names <= known, f'{page}: {file} has no {names - known}'
    anywhere = set.union(*files.values())
    for page, name in everywhere(r'^(\w+):='):
        assert name in anywhere | set.union(*nodes().values()), f'{page}: no argument {name}'


def test_every_parameter_and_service_exists():
    known = nodes()
    shown = everywhere(r'ros2 run mobile_vla_ros (\w+) --ros-args (.*)')
    for page, node, rest in shown:
        for name in re.findall(r"-p '?([\w.]+):=", rest):
            assert name in known[node], f'{page}: {node} has no parameter {name}'
    for page, node, name in everywhere(r'ros2 param set /(\w+) ([\w.]+)'):
        assert name in known[node], f'{page}: {node} has no parameter {name}'
    called = everywhere(r'ros2 service call /(\w+)/(\w+)')
    assert called
    for page, node, name in called:
        assert f'~/{name}' in known[node], f'{page}: {node} has no service {name}'


def test_every_strategy_and_every_kind_of_source_is_explained():
    from mobile_vla_ros.data.formats.source_kinds import FILES as SUFFIXES
    from mobile_vla_ros.environment.share import STRATEGIES
    table = read(ROOT / 'docs' / 'training.md').split('| strategy |')[1].split('\n\n')[0]
    assert re.findall(r'^\| `([^`]+)`', table, re.M) == [*STRATEGIES, 'FILE.yaml']
    table = read(ROOT / 'docs' / 'teach.md').split('| import |')[1].split('\n\n')[0]
    assert set(re.findall(r'`(\.\w+)`', table)) == set(SUFFIXES)


def test_the_results_are_generated():
    from bench.learning import results
    measured = json.loads(read(ROOT / 'docs' / 'results' / 'closed_loop.json'))
    for page, text in (('docs/results/closed_loop.md', results.table(measured)),
                       ('README.md', results.short_table(measured))):
        assert f'<!-- results:begin -->\n{text}\n<!-- results:end -->' in read(ROOT / page)


def test_every_measurement_finds_its_marks():
    marked = {name for page in PAGES for name in re.findall(r'<!-- (\w+):begin -->', read(page))}
    written = {name for file in (ROOT / 'bench').rglob('*.py')
               for name in re.findall(r"\bput\([^,]+, '(\w+)'", read(file))}
    assert written == marked and len(marked) > 6
