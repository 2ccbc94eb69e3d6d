"""
What the policy learns from a real car's recordings: every drive is held out once.

    make realdrives ARGS="tub_1 tub_2 ... --instruction 'follow the track'"
    make realdrives ARGS="tub --parts 5 --rate 20"      # a single one, in stretches

Each is a recording that `dataset import` takes. The held-out drive chooses nothing: of every
training it is the last epoch that counts. What is done already is found again in --work.
"""

import argparse
import json
from pathlib import Path
import shutil

import cv2
import numpy as np

from bench.pages import publish
from mobile_vla_ros.cli import one_line_errors
from mobile_vla_ros.contract import AXES

MOVED = 0.05  # standard deviation from which on an axis counts as driven
SMALL = (32, 24)  # px, grey: what the linear model sees
RIDGE = 10.0
RIVALS = ('policy', 'constant', 'linear')


def cut(tub: Path, parts: int, work: Path) -> list[Path]:
    """Cut a tub into equal stretches: each is a tub in which the others are deleted."""
    lines, made = (tub / 'manifest.json').read_text(encoding='utf-8').splitlines(), []
    told = json.loads(lines[4])
    count = told['current_index']
    for n in range(parts):
        own = range(count * n // parts, count * (n + 1) // parts)
        folder = work / 'parts' / f'{tub.name}_{n + 1}_of_{parts}'
        shutil.copytree(tub, folder, dirs_exist_ok=True)
        deleted = {*told['deleted_indexes'], *(i for i in range(count) if i not in own)}
        (folder / 'manifest.json').write_text('\n'.join(
            [*lines[:4], json.dumps({**told, 'deleted_indexes': sorted(deleted)})]))
        made.append(folder)
    return made


def measure(sources, work: Path, instruction: str, strategy_name: str, epochs: int | None,
            out: Path, credit: str = '', rate_hz: float | None = None) -> dict:
    """Return every drive's row, and write them to `out` as they come."""
    from dataclasses import replace
    from mobile_vla_ros.data.formats.imports import import_episode, Options
    from mobile_vla_ros.training.dataset import build
    from mobile_vla_ros.training.export import export
    from mobile_vla_ros.training.fit import fit
    from mobile_vla_ros.training.shards import digest, read_shards
    from mobile_vla_ros.training.strategies import read_strategy
    bags = []
    for source in sources:
        bags.append(work / 'bags' / source.name)
        if not bags[-1].exists():
            import_episode(source, bags[-1], Options(instruction, rate_hz=rate_hz))
    for row in build(bags, work / 'data', every_frame=True):
        if 'refused' in row:
            raise ValueError(row['refused'])
    episodes = read_shards(work / 'data')
    strategy = read_strategy(strategy_name)
    config = replace(strategy.train, epochs=epochs) if epochs else strategy.train
    results = {'strategy': strategy_name, 'epochs': config.epochs, 'instruction': instruction,
               'credit': credit, 'data_digest': digest(episodes), 'drives': {}}
    pictures = {bag: small_pictures(bag) for bag in bags}
    for bag in bags:
        learned = [e for e in episodes if e.name != bag.name]
        if len(learned) == len(episodes):
            raise ValueError(f'{bag.name} is not among what was built, so nothing is held out')
        checkpoint = work / f'without-{bag.name}.safetensors'
        if not checkpoint.exists():
            fit(learned, learned, checkpoint, config, strategy.config)
        export(checkpoint, checkpoint.with_suffix('.onnx'))
        constant = np.concatenate([e.labels[:, e.side, e.color] for e in learned]).mean(0)
        results['drives'][bag.name] = _score(
            bag, checkpoint.with_suffix('.onnx'), constant, pictures[bag],
            fit_linear([pictures[other] for other in bags if other != bag]))
        out.write_text(json.dumps(results, indent=1) + '\n')
    return results


def small_pictures(bag: Path) -> dict[int, tuple]:
    """Return by its stamp each frame, as small as the linear model needs it, and its command."""
    from mobile_vla_ros.data.bags import Bag
    from mobile_vla_ros.data.pairing import Unanswered
    from mobile_vla_ros.images.decode import decode
    pairs, unanswered = {}, Unanswered()
    with Bag(bag) as opened:
        for event in opened.events():
            if event.kind == 'image':
                grey = cv2.cvtColor(decode(event.value), cv2.COLOR_RGB2GRAY)
                small = cv2.resize(grey, SMALL, interpolation=cv2.INTER_AREA).ravel() / 255
                unanswered.add(event.received_ns, (event.stamp_ns, small))
            elif event.kind == 'command':
                unanswered.drop_late(event.received_ns)
                pairs |= {stamp_ns: (small, event.value)
                          for _, (stamp_ns, small) in unanswered.take()}
    return pairs


def fit_linear(drives: list[dict]):
    """Return a ridge regression from frames (n, pixels) to commands (n, 3)."""
    seen, driven = (np.stack([row[i] for drive in drives for row in drive.values()])
                    for i in (0, 1))
    middle, mean = seen.mean(0), driven.mean(0)
    seen = seen - middle
    weights = np.linalg.solve(seen.T @ seen + RIDGE * np.eye(seen.shape[1]),
                              seen.T @ (driven - mean))
    return lambda pictures: (pictures - middle) @ weights + mean


def _score(bag: Path, checkpoint: Path, constant, pictures, linear) -> dict:
    from mobile_vla_ros.data.bags import Bag
    from mobile_vla_ros.inference.policy import load_policy
    from mobile_vla_ros.replay.replay import replay
    with Bag(bag) as opened:
        drive = replay(opened, load_policy(checkpoint))
    recorded, predicted, before = (np.asarray(values, float) for values in (
        drive.recorded, drive.predicted, drive.before))
    guessed = linear(np.stack([pictures[stamp][0] for stamp in drive.stamps]))
    axes = {}
    for i, name in enumerate(AXES):
        if recorded[:, i].std() > MOVED:
            axes[name] = {
                'policy': float(np.abs(predicted - recorded)[:, i].mean()),
                'constant': float(np.abs(constant - recorded)[:, i].mean()),
                'linear': float(np.abs(guessed - recorded)[:, i].mean()),
                'repeat_last': float(np.abs(before - recorded)[:, i].mean()),
                **{key: float(np.corrcoef(values[:, i], recorded[:, i])[0, 1])
                   for key, values in (('correlation', predicted),
                                        ('linear_correlation', guessed))}}
    return {'frames': len(recorded), 'seconds': drive.seconds, 'axes': axes}


def table(results: dict) -> str:
    """Return the drives as Markdown."""
    lines = ['# Drives of a real car', '', *filter(None, [results['credit']]),
             'Frames, commands and times are real; the bags around them and the words '
             f'("{results["instruction"]}") are ours. Every row is a drive held out of its '
             f'training (`--strategy {results["strategy"]}`, the last of {results["epochs"]} '
             'epochs); the constant is the mean command of the drives that were learned from, and '
             'the linear model is ridge regression on 32x24 grey pixels of the same. '
             'Repeating the last command knows the driver, which no policy can. Throttle and '
             'angle are as recorded, -1..1; the best of the first three is bold. Made by '
             '`make realdrives`.', '',
             '| drive | frames | axis | policy, MAE | constant | linear model | repeat last '
             '| correlation of the policy | of the linear model |',
             '|---|---|---|---|---|---|---|---|---|']
    for name, drive in results['drives'].items():
        for axis, row in drive['axes'].items():
            lines.append(f'| {name} | {drive["frames"]} | {axis} | {_errors(row)} | '
                         f'{row["correlation"]:.2f} | {row["linear_correlation"]:.2f} |')
    for axis in AXES:
        rows = [(drive['frames'], drive['axes'][axis]) for drive in results['drives'].values()
                if axis in drive['axes']]
        if rows:
            total = sum(frames for frames, _ in rows)
            mae = {key: sum(frames * row[key] for frames, row in rows) / total
                   for key in (*RIVALS, 'repeat_last')}
            lines.append(f'| all | {total} | {axis} | {_errors(mae)} | | |')
    return '\n'.join([*lines, '', f'Data digest `{results["data_digest"][:16]}`.', ''])


def _errors(row) -> str:
    """Return the cells of the errors."""
    least = min(row[name] for name in RIVALS)
    cells = [f'**{row[name]:.3f}**' if row[name] == least else f'{row[name]:.3f}'
             for name in RIVALS]
    return ' | '.join([*cells, f'{row["repeat_last"]:.3f}'])


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
    p.add_argument('--parts', type=int, default=1, help='cut every tub into this many stretches')
    p.add_argument('--rate', type=float, help='frames a second, where their times are wrong')
    p.add_argument('--work', type=Path, default=Path('out/real_drives'))
    p.add_argument('--out', type=Path, default=Path('docs/results/real_drives'))
    args = p.parse_args(argv)
    if args.parts < 1:
        raise ValueError(f'--parts must be 1 or more, got {args.parts}')
    if len(args.sources) * args.parts < 2:
        raise ValueError('one drive is held out and the others are learned from: give two or '
                         'more, or --parts of one')
    sources = args.sources if args.parts == 1 else [
        part for tub in args.sources for part in cut(tub, args.parts, args.work)]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    results = measure(sources, args.work, args.instruction, args.strategy, args.epochs,
                      args.out.with_suffix('.json'), args.credit, args.rate)
    publish(args.out.with_suffix('.md'), table(results))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
