"""
Measure the shipped checkpoint beside its baselines.

It writes all rows into docs/results/closed_loop.md, and some of them into the README.

    make results            # 400 test scenes a row; about an hour on two cores
"""

import argparse
import json
from pathlib import Path

from bench.pages import put
from mobile_vla_ros.cli import one_line_errors
from mobile_vla_ros.cli.benchmark import main as benchmark
from mobile_vla_ros.environment.share import share_file

ROWS = {  # name in the table: arguments of the benchmark verb
    'shipped checkpoint': [],
    'expert, which knows the scene': ['--policy', 'expert'],
    'baseline: constant command': ['--policy', 'constant'],
    'baseline: blind (black image)': ['--policy', 'blind'],
    'baseline: no text': ['--policy', 'no-text'],
    'other side asked for': ['--swap-sides'],
    'other bottle asked for': ['--swap-colors'],
    'the task put in other words': ['--phrases', 'config/phrases/held_out.yaml'],
    'shades, textures and light that training never saw': ['--held-out-look'],
    'model:=hybrid': ['--checkpoint', 'checkpoints/hybrid.onnx'],
    'model:=advanced': ['--checkpoint', 'checkpoints/advanced.onnx'],
    'over ROS 2, through both nodes': ['--over-ros', '--episodes', '20'],
    'open loop': ['--open-loop'],
    'suite': ['--suite', 'standard-3'],
}
APART = ('open loop', 'suite')  # not a row of the first table
SHORT = ('shipped checkpoint', 'expert, which knows the scene', 'baseline: constant command',
         'baseline: no text', 'other side asked for', 'other bottle asked for',
         'the task put in other words', 'shades, textures and light that training never saw',
         'over ROS 2, through both nodes')
COLUMNS = ('success', 'contact', 'wrong_side', 'wrong_bottle', 'side_obeyed', 'color_obeyed')


def table(results: dict) -> str:
    """Return the Markdown table of `results`: name -> the benchmark's JSON."""
    lines = ['| 95 % intervals in brackets | scenes | ' + ' | '.join(
        name.replace('_', ' ') for name in COLUMNS) + ' |', '|---' * (len(COLUMNS) + 2) + '|']
    for name, result in results.items():
        if name in APART:
            continue
        rates = result['rates']
        cells = [_cell(rates.get(column)) for column in COLUMNS]
        lines.append(f'| {name} | {rates["success"]["trials"]} | ' + ' | '.join(cells) + ' |')
    if 'open loop' in results:
        rates = results['open loop']['rates']
        lines += ['', 'Open loop, mean absolute error against the expert on the same test scenes '
                  '(linear x, linear y in m/s, angular z in rad/s): policy '
                  + ', '.join(f'{v:.3f}' for v in rates['mae']) + '; a constant command '
                  + ', '.join(f'{v:.3f}' for v in rates['constant_mae']) + '.']
    if 'suite' in results:
        lines += ['', f'The suite `{results["suite"]["suite"]}`: every layout, side and distance '
                  'equally often, and what can go wrong.', '',
                  '| ' + ' | '.join(['', 'scenes', *COLUMNS[:4]]).replace('_', ' ') + ' |',
                  '|---' * 6 + '|']
        for name, rates in {**results['suite']['parts'],
                            'all of it': results['suite']['rates']}.items():
            lines.append(f'| {name} | {rates["success"]["trials"]} | '
                         + ' | '.join(_cell(rates[column]) for column in COLUMNS[:4]) + ' |')
    shipped = results.get('shipped checkpoint')
    if shipped:
        lines += ['', f'Checkpoint `{shipped["checkpoint_sha256"][:16]}`, scenes from seed '
                  f'{shipped["first_seed"]} on, made by `make results`.']
    return '\n'.join(lines)


def short_table(results: dict) -> str:
    """Return the README's table: some of the rows, and the suite in one row."""
    rows = [(name, results[name]['rates']) for name in SHORT if name in results]
    if 'suite' in results:
        rows.append((f'the suite `{results["suite"]["suite"]}`, in which things go wrong',
                     results['suite']['rates']))
    lines = ['| | scenes | success | contact | wrong side |', '|---' * 5 + '|']
    return '\n'.join(lines + [
        f'| {name} | {rates["success"]["trials"]} | '
        + ' | '.join(_cell(rates[column]) for column in COLUMNS[:3]) + ' |'
        for name, rates in rows])


def _cell(value) -> str:
    if not value or not value['trials']:
        return ''
    return f'{value["rate"]:.1%} [{value["low"]:.1%}, {value["high"]:.1%}]'


@one_line_errors
def main(argv=None) -> int:
    """Measure the named rows, all by default; the others keep their earlier results."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--episodes', type=int, default=400)
    p.add_argument('--backend', default='auto')
    p.add_argument('--only', nargs='*', choices=list(ROWS), default=list(ROWS))
    p.add_argument('--out', type=Path, default=Path('docs/results/closed_loop.json'))
    p.add_argument('--page', type=Path, default=Path('docs/results/closed_loop.md'))
    p.add_argument('--readme', type=Path, default=Path('README.md'))
    args = p.parse_args(argv)
    results = json.loads(args.out.read_text()) if args.out.exists() else {}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for name in args.only:
        row = args.out.parent / 'row.json'
        options = [str(share_file(*option.split('/'))) if '/' in option else option
                   for option in ROWS[name]]
        status = benchmark(['--episodes', str(args.episodes), '--backend', args.backend,
                            '--json', str(row), *options])
        if status:
            return status
        result = json.loads(row.read_text())
        row.unlink()
        results[name] = {key: result[key] for key in (
            'first_seed', 'episodes', 'split', 'checkpoint_sha256', 'data_digest', 'rates',
            *(['suite', 'parts', 'driving'] if name == 'suite' else []))}
        results = {name: results[name] for name in ROWS if name in results}
        args.out.write_text(json.dumps(results, indent=1) + '\n')
    put(args.page, 'results', table(results))
    put(args.readme, 'results', short_table(results))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
