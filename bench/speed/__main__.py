"""
The scoreboard: every figure beside its rival's of the same run.

    make bench                    # half an hour on two cores; nothing else should run
    make bench ARGS='P1 P5'       # some rows; the others stay as they were measured

Writes OUT/bench.json and, unless it is the short form, docs/results/performance.json and .png and
the table in docs/performance.md.
"""

import argparse
import json
import os
from pathlib import Path
import platform
import sys

from bench.pages import put
from bench.paths import ROOT
from bench.speed import (inference_rows, replay_rows, ros_rows, simulation_rows,
                         training_rows)
from bench.speed.rows import SHORT, Size

MEASURES = (
    (ros_rows.stream, ('P1', 'P2', 'P3', 'P9')), (ros_rows.saturated, ('P4',)),
    (inference_rows.inference, ('P5',)), (ros_rows.slow_inference, ('P6',)),
    (ros_rows.transport, ('P7',)), (ros_rows.cpu, ('P8',)),
    (inference_rows.preprocessing, ('P10',)), (training_rows.building, ('P11', 'P13')),
    (ros_rows.recording, ('P12',)), (replay_rows.replaying, ('P14', 'P16', 'P17')),
    (simulation_rows.simulating, ('P15',)))
NAMES = [f'P{n}' for n in range(1, 18)]


def table(rows) -> str:
    """Return the rows as Markdown."""
    lines = ['| # | figure | ours | beside | times better | goal | |',
             '|---|---|---|---|---|---|---|']
    for row in rows:
        rival = row['beside'] if row['rival'] is None else f'{_number(row["rival"])} ' \
            f'({row["beside"]})'
        better = '' if row['ratio'] is None else f'{row["ratio"]:.1f}'
        also = f'; {row["also"]}' if row['also'] else ''
        lines.append(f'| {row["id"]} | {row["figure"]} | {_number(row["ours"])} '
                     f'{row["unit"]}{also} | {rival} | {better} | {row["goal"]} | '
                     f'{"met" if row["ok"] else "**missed**"} |')
    return '\n'.join(lines)


def _number(value: float) -> str:
    return f'{value:.0f}' if abs(value) >= 100 else f'{value:.3g}'


def plot(rows, path: Path) -> None:
    """Draw how many times better than its rival each figure is."""
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    rows = [row for row in rows if row['ratio']][::-1]
    figure, axes = plt.subplots(figsize=(10, 0.36 * len(rows) + 1), layout='constrained')
    axes.barh(range(len(rows)), [row['ratio'] for row in rows], left=0,
              color=['tab:blue' if row['ratio'] >= 1 else 'tab:orange' for row in rows])
    axes.axvline(1.0, color='0.3', lw=1)
    axes.set(xscale='log', yticks=range(len(rows)), xlabel='times better than what stands beside',
             yticklabels=[f'{row["id"]} {row["figure"]}' for row in rows])
    for place, row in enumerate(rows):
        axes.annotate(f' {row["ratio"]:.1f} x {row["beside"]}', (max(row['ratio'], 1.0), place),
                      va='center', fontsize=8)
    axes.set_xlim(min(0.3, 0.8 * min(row['ratio'] for row in rows)),
                  100 * max(row['ratio'] for row in rows))
    axes.spines[['top', 'right']].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def measure(names, size: Size, path: Path, rows: dict) -> list[dict]:
    """Measure the named rows; return them with the others, and write them as they come."""
    for call, ids in MEASURES:
        if set(ids) & set(names):
            print(f'{", ".join(ids)}: {call.__doc__.split(": ", 1)[1]}', file=sys.stderr)
            rows |= {row.id: row.as_dict() for row in call(size) if row.id in names}
            path.write_text(json.dumps({
                'machine': {'processor': _processor(), 'cores': os.cpu_count(),
                            'python': platform.python_version()},
                'rows': [rows[name] for name in NAMES if name in rows]}, indent=1))
    return [rows[name] for name in NAMES if name in rows]


def main(argv=None) -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog='python -m bench.speed', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('rows', nargs='*', metavar='ROW', help='P1 to P17; all if none is named')
    parser.add_argument('--short', action='store_true', help='a few minutes, ratios only')
    parser.add_argument('--out', type=Path, default=ROOT / 'out' / 'bench')
    args = parser.parse_args(argv)
    wrong = sorted(set(args.rows) - set(NAMES))
    if wrong:
        parser.exit(2, f'error: no row {", ".join(wrong)}; the rows are P1 to P17\n')
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / 'bench.json'
    kept = path if args.short else ROOT / 'docs' / 'results' / 'performance.json'
    told = json.loads(kept.read_text())['rows'] if args.rows and kept.exists() else []
    rows = measure(args.rows or NAMES, SHORT if args.short else Size(), path,
                   {row['id']: row for row in told})
    text = table(rows)
    if not args.short:
        kept.write_text(path.read_text())
        put(ROOT / 'docs' / 'performance.md', 'bench', text)
        plot(rows, kept.with_suffix('.png'))
    print(text)
    return 0


def _processor() -> str:
    lines = Path('/proc/cpuinfo').read_text().splitlines() \
        if Path('/proc/cpuinfo').exists() else []
    return next((line.split(':', 1)[1].strip() for line in lines
                 if line.startswith('model name')), platform.processor())


if __name__ == '__main__':
    sys.exit(main())
