"""
Inject every fault over real DDS and write the table of worst cases.

    make faults                 # a few trials a row; 10^6 outputs of a model in any case
    make faults TRIALS=100      # the long run, several hours
    make faults ARGS='25 27'    # some rows; the others stay as docs/results/faults.json has them
"""

import argparse
import json
import os
from pathlib import Path
import re
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

from bench.pages import put
from bench.paths import ROOT

FAULTS = {
    1: 'camera stalls', 2: 'camera process killed', 3: 'camera repeats one image',
    4: 'model output NaN, infinite or absurd', 5: 'weights that are not finite',
    6: 'model file truncated or changed', 7: 'a pickle given as model',
    8: 'image encoding changes', 9: 'image size, step and data disagree',
    10: 'truncated JPEG, decompression bomb', 11: 'stamps go backwards',
    12: 'clock jumps by an hour', 13: 'camera clock off by 10 s',
    14: 'inference slower than the camera', 15: 'inference hangs', 16: 'inference raises',
    17: 'a thousand instructions a second', 18: 'odd and huge instructions',
    19: 'instruction past its time to live', 20: 'invalid parameter', 21: 'SIGINT, SIGTERM',
    22: 'drive node gone: the simulated base', 23: 'second publisher on cmd_vel',
    24: 'camera missing or silent, another type or QoS', 25: 'recorder killed', 26: 'disk full',
    27: 'deadman released', 28: 'deactivated, stopped, disarmed, shut down, an error',
    34: 'launch with any wrong argument or file, or a node that dies',
    35: 'odd keys: escape sequences, pasted text, focus'}
FILES = ('control/test_limits.py', 'control/test_teleop.py', 'nodes/test_drive_authority.py',
         'nodes/test_drive_camera.py',
         'nodes/test_drive_checkpoint.py', 'nodes/test_drive_instructions.py',
         'nodes/test_drive_peers.py', 'nodes/test_drive_policy.py', 'nodes/test_drive_stamps.py',
         'nodes/test_drive_start.py', 'nodes/test_sim.py', 'test_messages.py',
         'inference/test_backends.py', 'models/test_metadata.py', 'control/test_pilot.py',
         'nodes/test_record.py', 'data/test_recorder.py', 'nodes/test_teleop.py',
         'project/test_robot_config.py', 'nodes/test_clock.py', 'launching/test_launch.py')


def ids_of(test: str) -> list[int]:
    """Return the faults that a test's name begins with: test_5_6_7_x, test_17_and_18_x."""
    numbers = re.match(r'test_((?:\d+_(?:and_)?)+)', test)
    return [int(n) for n in re.findall(r'\d+', numbers[1])] if numbers else []


def tests_of(faults) -> list[str]:
    """Return the names of the tests that inject any of these faults."""
    return [name for file in FILES
            for name in re.findall(r'^def (test_\w+)', (ROOT / 'test' / file).read_text(), re.M)
            if set(ids_of(name)) & set(faults)]


def read_tests(xml: Path) -> list[tuple[str, bool]]:
    """Return (name, passed) of every test that was not skipped."""
    return [(case.get('name'), case.find('failure') is None and case.find('error') is None)
            for case in ElementTree.parse(xml).iter('testcase') if case.find('skipped') is None]


def make_rows(tests, figures) -> list[dict]:
    """
    Return a row for every fault.

    :param tests: (name, passed) of each test.
    :param figures: {'test', 'seconds', 'limit'} of each deadline that was measured.
    """
    rows = []
    for number, fault in FAULTS.items():
        mine = [passed for name, passed in tests if number in ids_of(name)]
        measured = [f for f in figures if number in ids_of(f['test'])]
        worst = max(measured, key=lambda f: f['seconds'] / f['limit'], default={})
        rows.append({'id': number, 'fault': fault, 'trials': len(measured) or len(mine),
                     'worst': worst.get('seconds'), 'goal': worst.get('limit'),
                     'ok': all(mine) if mine else None})
    return rows


def table(rows) -> str:
    """Return the rows as Markdown."""
    lines = ['| # | fault | trials | worst | allowed | |', '|---|---|---|---|---|---|']
    for row in rows:
        worst, goal = ('' if row[key] is None else f'{1e3 * row[key]:.0f} ms'
                       for key in ('worst', 'goal'))
        verdict = {True: 'holds', False: '**broken**', None: 'not tested yet'}[row['ok']]
        lines.append(f'| {row["id"]} | {row["fault"]} | {row["trials"] or ""} | {worst} | {goal} '
                     f'| {verdict} |')
    return '\n'.join(lines)


def main(argv=None) -> int:
    """Run the tests, write the table; 1 if a promise is broken."""
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('rows', nargs='*', type=int, metavar='ROW', help='a number of the table; all '
                   'if none is named')
    p.add_argument('--trials', type=int, default=0, help='of each fault; 0: a few')
    p.add_argument('--out', type=Path, default=Path('out/faults/faults.json'))
    p.add_argument('--kept', type=Path, default=ROOT / 'docs' / 'results' / 'faults.json',
                   help='the same, committed: where rows that are not named come from')
    p.add_argument('--page', type=Path, default=ROOT / 'docs' / 'safety.md')
    args = p.parse_args(argv)
    if args.trials < 0:
        p.exit(2, f'error: --trials must be 0 or more, got {args.trials}\n')
    wrong = [str(number) for number in args.rows if number not in FAULTS]
    if wrong:
        p.exit(2, f'error: no row {", ".join(wrong)}; the rows are '
               f'{", ".join(map(str, FAULTS))}\n')
    wanted = args.rows or list(FAULTS)
    kept = {row['id']: row for row in json.loads(args.kept.read_text())
            if row['id'] not in wanted} if args.rows and args.kept.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        xml, log = Path(folder, 'tests.xml'), Path(folder, 'figures.jsonl')
        log.touch()
        environment = {**os.environ, 'MOBILE_VLA_FIGURES': str(log)}
        if args.trials:
            environment['MOBILE_VLA_SOAK'] = str(args.trials)
        subprocess.run(
            [sys.executable, '-m', 'pytest', f'--junitxml={xml}', '--timeout=3600',
             '-k', ' or '.join(tests_of(wanted)),
             *(str(ROOT / 'test' / name) for name in FILES)], env=environment, cwd=ROOT)
        if not xml.exists():
            print('error: the tests did not run', file=sys.stderr)
            return 2
        rows = make_rows(read_tests(xml), [json.loads(line) for line in
                                           log.read_text().splitlines()])
    rows = [kept.get(row['id'], row) for row in rows]
    for path in (args.out, args.kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows, indent=1) + '\n')
    put(args.page, 'faults', table(rows))
    print(table(rows))
    return int(any(row['ok'] is False for row in rows))


if __name__ == '__main__':
    raise SystemExit(main())
