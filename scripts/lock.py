"""
Write requirements/locked: every package that a requirements file brings, by version and hash.

    pip install uv && python scripts/lock.py

torch is pinned by version alone, in requirements/torch.txt: its wheels, and what they bring for
GPUs, differ between the indexes that people install it from.
"""

from pathlib import Path
import re
import subprocess
import sys

FOLDER = Path(__file__).resolve().parent.parent / 'requirements'
NAMES = ('demo', 'train', 'test', 'lint', 'audit')
WITH_TORCH = re.compile(r'(torch|triton|nvidia-\S+|cuda-\S+)==')
OTHER_SYSTEM = re.compile(r"sys_platform == 'win32'|sys_platform == 'emscripten'")
HEAD = '# Written by scripts/lock.py from requirements/{}.txt; change that one.\n'


def main() -> int:
    """Resolve for every Python from 3.10 on, on any machine with Linux."""
    (FOLDER / 'locked').mkdir(exist_ok=True)
    for name in NAMES:
        found = subprocess.run(
            ['uv', 'pip', 'compile', '--quiet', '--universal', '--generate-hashes',
             '--no-annotate', '--no-header', '--python-version', '3.10', f'{name}.txt'],
            cwd=FOLDER, check=True, capture_output=True, text=True).stdout
        blocks = re.split(r'\n(?=\S)', found.strip())
        kept = [block for block in blocks
                if not WITH_TORCH.match(block) and not OTHER_SYSTEM.search(block)]
        (FOLDER / 'locked' / f'{name}.txt').write_text(
            HEAD.format(name) + '\n'.join(kept) + '\n', encoding='utf-8')
        print(f'{name}: {len(kept)} packages')
    return 0


if __name__ == '__main__':
    sys.exit(main())
