"""
Install requirements files with one line of progress instead of pip's hundreds.

    .venv/bin/python scripts/pip_install.py requirements/locked/demo.txt

What lies in locked/ is complete, and refused if a hash differs.
"""

from pathlib import Path
import re
import subprocess
import sys
import time

KEPT = 25  # lines shown when pip fails


def main(files: list[str]) -> int:
    """Install one file after the other; return pip's exit status where it fails."""
    return next((status for status in map(install, files) if status), 0)


def install(requirements: str) -> int:
    """Run pip, show what it downloads; its last lines if it fails."""
    print(f'installing {requirements} into {sys.prefix}', flush=True)
    started, count, lines = time.monotonic(), 0, []
    command = [sys.executable, '-m', 'pip', 'install', '--disable-pip-version-check',
               '--progress-bar', 'off', '-r', requirements]
    if Path(requirements).parent.name == 'locked':
        command += ['--no-deps', '--require-hashes']
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as pip:
        for line in pip.stdout:
            lines.append(line)
            found = re.match(r'\s*(?:Downloading|Using cached) ([^ ]+?)-\d\S* \((.+)\)', line)
            if found:
                count += 1
                show(f'  {count:3d} packages: {found[1]} {found[2]}')
            elif line.startswith('Installing collected'):
                show('  unpacking')
    if pip.returncode:
        print('', *(f'{line.rstrip():.300}' for line in lines[-KEPT:]), sep='\n', file=sys.stderr)
        return pip.returncode
    show(f'  done in {time.monotonic() - started:.0f} s')
    print()
    return 0


def show(text: str):
    """Overwrite the line on a terminal; elsewhere only the ends are worth a line."""
    if sys.stdout.isatty():
        print(f'\r{text:<78.78}', end='', flush=True)
    elif 'done' in text or 'unpacking' in text:
        print(text, flush=True)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
