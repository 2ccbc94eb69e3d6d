"""
What the policy learns from a real car's recordings: every drive is held out once.

    make realdrives ARGS="tub_1 tub_2 ... --instruction 'follow the track'"

Each is a recording that `dataset import` takes. The held-out drive chooses nothing: of every
training it is the last epoch that counts. What is done already is found again in --work.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from mobile_vla_ros.cli import one_line_errors
from mobile_vla_ros.contract import AXES
from pages import publish

MOVED = 0.05  # standard deviation from which on an axis counts as driven


def measure(sources, work: Path, instruction: str, strategy_name: str, epochs: int | None,
            out: Path, credit: str = '') -> dict:
    """Return every drive's row, and write them to `out` as they come."""
    from dataclasses import replace
    from mobile_vla_ros.data.imports import import_episode, Options
    from mobile_vla_ros.training.dataset import build
    from mobile_vla_ros.training.export import export
    from mobile_vla_ros.training.recipe import fit
    from mobile_vla_ros.training.recordings import digest, read_recordings
    from mobile_vla_ros.training.strategies import read_strategy
    bags = []
    for source in sources:
        bags.append(work / 'bags' / source.name)
        if not bags[-1].exists():
            import_episode(source, bags[-1], Options(instruction))
    for row in build(bags, work / 'data', every_frame=True):
        if 'refused' in row:
            raise ValueError(row['refused'])
    episodes = read_recordings(work / 'data')
    strategy = read_strategy(strategy_name)
    config = replace(strategy.train, epochs=epochs) if epochs else strategy.train
    results = {'strategy': strategy_name, 'epochs': config.epochs, 'instruction': instruction,
               'credit': credit, 'data_digest': digest(episodes), 'drives': {}}
    for bag in bags:
        learned = [e for e in episodes if e.recording != bag.stem]
        checkpoint = work / f'without-{bag.name}.safetensors'
        if not checkpoint.exists():
            fit(learned, learned, checkpoint, config, strategy.config)
        export(checkpoint, checkpoint.with_suffix('.onnx'))
        constant = np.concatenate([e.labels[:, e.side, e.color] for e in learned]).mean(0)
        results['drives'][bag.name] = _score(bag, checkpoint.with_suffix('.onnx'), constant)
        out.write_text(json.dumps(results, indent=1) + '\n')
    return results


def _score(bag: Path, checkpoint: Path, constant) -> dict:
    from mobile_vla_ros.data.bags import Bag
    from mobile_vla_ros.evaluate.replay import replay
    from mobile_vla_ros.policy import load_policy
    with Bag(bag) as opened:
        drive = replay(opened, load_policy(checkpoint))
    recorded, predicted, before = (np.asarray(values, float) for values in (
        drive.recorded, drive.predicted, drive.before))
    axes = {}
    for i, name in enumerate(AXES):
        if recorded[:, i].std() > MOVED:
            axes[name] = {
                'policy': float(np.abs(predicted - recorded)[:, i].mean()),
                'constant': float(np.abs(constant - recorded)[:, i].mean()),
                'repeat_last': float(np.abs(before - recorded)[:, i].mean()),
                'correlation': float(np.corrcoef(predicted[:, i], recorded[:, i])[0, 1])}
    return {'frames': len(recorded), 'seconds': drive.seconds, 'axes': axes}


def table(results: dict) -> str:
    """Return the drives as Markdown."""
    lines = ['# Drives of a real car', '', *filter(None, [results['credit']]),
             'Frames, commands and times are real; the bags around them and the words '
             f'("{results["instruction"]}") are ours. Every row is a drive held out of its '
             f'training (`--strategy {results["strategy"]}`, the last of {results["epochs"]} '
             'epochs); the constant is the mean command of the drives that were learned from. '
             'Repeating the last command knows the driver, which no policy can. Throttle and '
             'angle are as recorded, -1..1. Made by `make realdrives`.', '',
             '| drive | frames | axis | policy, MAE | constant | repeat last | correlation |',
             '|---|---|---|---|---|---|---|']
    for name, drive in results['drives'].items():
        for axis, row in drive['axes'].items():
            lines.append(f'| {name} | {drive["frames"]} | {axis} | **{row["policy"]:.3f}** | '
                         f'{row["constant"]:.3f} | {row["repeat_last"]:.3f} | '
                         f'{row["correlation"]:.2f} |')
    for axis in AXES:
        rows = [(drive['frames'], drive['axes'][axis]) for drive in results['drives'].values()
                if axis in drive['axes']]
        if rows:
            total = sum(frames for frames, _ in rows)
            mae = {key: sum(frames * row[key] for frames, row in rows) / total
                   for key in ('policy', 'constant', 'repeat_last')}
            lines.append(f'| all | {total} | {axis} | **{mae["policy"]:.3f}** | '
                         f'{mae["constant"]:.3f} | {mae["repeat_last"]:.3f} | |')
    return '\n'.join([*lines, '', f'Data digest `{results["data_digest"][:16]}`.', ''])


@one_line_errors
def main(argv=None) -> int:
    """Measure, and write OUT.json and OUT.md."""
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('sources', nargs='+', type=Path, metavar='SOURCE')
    p.add_argument('--instruction', default='follow the track')
    p.add_argument('--strategy', default='differential')
    p.add_argument('--epochs', type=int, help="instead of the strategy's own")
    p.add_argument('--credit', default='', help='whose recordings they are, for the table')
    p.add_argument('--work', type=Path, default=Path('out/real_drives'))
    p.add_argument('--out', type=Path, default=Path('docs/results/real_drives'))
    args = p.parse_args(argv)
    if len(args.sources) < 2:
        raise ValueError('one drive is held out and the others are learned from: give two or more')
    args.out.parent.mkdir(parents=True, exist_ok=True)
    results = measure(args.sources, args.work, args.instruction, args.strategy, args.epochs,
                      args.out.with_suffix('.json'), args.credit)
    publish(args.out.with_suffix('.md'), table(results))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
