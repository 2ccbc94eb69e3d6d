"""What docs/safety.md promises is held by tests that there are."""

import re


from bench.robustness import faults  # noqa: E402
from support.paths import ROOT  # noqa: E402

PAGE = (ROOT / 'docs' / 'safety.md').read_text(encoding='utf-8')


def section(title: str) -> str:
    """Return what stands below a heading of the page."""
    return re.search(rf'^## {title}$(.*?)^## ', PAGE, re.M | re.S)[1]


def rows() -> list[list[str]]:
    """Return (promise, rows, tests) of the table, without its head."""
    lines = re.findall(r'^\|(.*)\|$', section('Which tests hold it'), re.M)[2:]
    return [[cell.strip() for cell in line.split('|')] for line in lines]


def names_in(name: str) -> list[str]:
    """Return the tests in one of the files beside this one."""
    return re.findall(r'^def (test_\w+)', (ROOT / 'test' / name).read_text(encoding='utf-8'), re.M)


def test_every_promise_has_its_line():
    promised = re.findall(r'^- \*\*(.+?)\.?\*\*', section('What is promised'), re.M)
    assert len(promised) == 8 and [row[0] for row in rows()] == promised


def test_every_test_that_a_promise_names_is_there():
    named = [(file, test) for *_, cell in rows() for part in cell.split('; ')
             for file in re.findall(r'\(\.\./test/([\w/]+\.py)\)', part)
             for test in re.findall('`(.+?)`', part)]
    assert len(named) == sum(cell.count('`') for *_, cell in rows()) / 2 > 20
    assert not [(file, test) for file, test in named if test not in names_in(file)]


def test_every_row_that_a_promise_names_is_there_and_tested():
    numbers = {int(number) for _, cell, _ in rows() for number in re.findall(r'\d+', cell)}
    assert numbers <= set(faults.FAULTS) and all(faults.tests_of([n]) for n in numbers)
    assert set(faults.FAULTS) - numbers == {17, 22, 25, 26}  # what is promised of other things
