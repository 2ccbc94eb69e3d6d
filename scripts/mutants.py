"""
Change the code bit by bit and run its tests: do they notice? What they do not is listed.

    python scripts/mutants.py [MUTMUT'S NAMES, e.g. 'mobile_vla_ros.control.guard*']

[mutmut] in setup.cfg says what is changed, and by which tests that must be noticed. Every change
that goes unnoticed stands in scripts/survivors.yaml under the reason why it may; another one
fails, and so does a module in which less than 95 % are noticed.
"""

import ast
from collections import Counter
from difflib import unified_diff
from functools import lru_cache
import json
from pathlib import Path
import subprocess
import sys

import yaml

LISTED = Path(__file__).with_name('survivors.yaml')
MUTANTS = Path('mutants')
LEAST = 0.95
KILLED = {1, 3, 36, 24, 152, 255, -24, -11, -9}  # a test failed, was too slow, or crashed


@lru_cache
def read(module: Path) -> tuple[list[str], dict[str, tuple[int, int]]]:
    """Return a module's lines, and the first and last line of each function by its name."""
    lines = module.read_text(encoding='utf-8').splitlines()
    return lines, {node.name: (node.lineno, node.end_lineno) for node in ast.walk(ast.parse(
        '\n'.join(lines))) if isinstance(node, ast.FunctionDef)}


def change(module: Path, name: str) -> str:
    """Return `FUNCTION: old -> new` of a mutant, which stays when others come and go."""
    lines, places = read(module)
    original = name.rsplit('__mutmut_', 1)[0] + '__mutmut_orig'
    before, after = ([line.replace(f'def {key}(', 'def (')
                      for line in lines[places[key][0] - 1:places[key][1]]]
                     for key in (original, name))
    differ = list(unified_diff(before, after, n=0, lineterm=''))[2:]
    old, new = (' '.join(line[1:].strip() for line in differ if line[0] == sign)
                for sign in '-+')
    function = original.removesuffix('__mutmut_orig').removeprefix('x').lstrip('_')
    return f'{function.replace("ǁ", ".").lstrip(".")}: {old} -> {new}'


def main(names) -> int:
    """Run mutmut and judge what it found; return the exit status."""
    ran = subprocess.run([sys.executable, '-m', 'mutmut', 'run', *names], check=False)
    if ran.returncode:
        return ran.returncode
    allowed = Counter(
        f'{module} {mutant}' for row in yaml.safe_load(LISTED.read_text(encoding='utf-8'))
        for module, mutants in row['unnoticed'].items() for mutant in mutants)
    status = 0
    for meta in sorted(MUTANTS.rglob('*.py.meta')):
        module = meta.with_suffix('')
        shown = str(module.relative_to(MUTANTS / 'mobile_vla_ros'))
        found = {name.rsplit('.', 1)[1]: code for name, code in json.loads(
            meta.read_text(encoding='utf-8'))['exit_code_by_key'].items() if code is not None}
        if not found:
            continue
        left = [f'{shown} {change(module, name)}' for name, code in found.items()
                if code not in KILLED]
        share = 1 - len(left) / len(found)
        status |= share < LEAST
        print(f'{shown}: {len(found) - len(left)} of {len(found)} noticed, {share:.1%}')
        new = Counter(left) - allowed
        for mutant in new.elements():
            print(f'  unnoticed, and not in {LISTED.name}: {mutant}')
        status |= bool(new)
        if None not in found.values():
            for mutant in (Counter({key: n for key, n in allowed.items()
                                    if key.startswith(f'{shown} ')}) - Counter(left)).elements():
                print(f'  noticed now, or gone: take it out of {LISTED.name}: {mutant}')
    return status


if __name__ == '__main__':
    raise SystemExit(main(sys.argv[1:]))
