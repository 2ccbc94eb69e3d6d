"""
Train every strategy on the same recordings and compare them, beside trivial baselines.

    make strategies         # 120 episodes to learn from; about an hour on two cores

What is done already is found again in --work. Figures are of test scenes; an epoch is chosen by
validation scenes, and no strategy is given corrections.
"""

import argparse
from dataclasses import replace
import json
from pathlib import Path
import time

import numpy as np

from bench.pages import publish
from mobile_vla_ros.cli import one_line_errors

STRATEGIES = ('final_fixed', 'hybrid', 'advanced', 'best')
NOTE = {'final_fixed': '0.20-0.22 / 0.38-0.40', 'hybrid': '0.22-0.25 / 0.40-0.45',
        'advanced': '0.25-0.30 / 0.45-0.50'}
BASELINES = {
    'zero': 'stands still',
    'mean': 'the mean command of the training episodes',
    'repeat the velocity': 'what the base did last; a leak, the teacher made it',
    'repeat the label': 'the answer of 0.2 s before; a leak, no policy can know it',
}
Z_WEIGHT = 0.05
FIGURES = {  # by which strategies are ranked; less is better
    'loss': lambda row: row['test']['loss'],
    'linear x': lambda row: row['test']['mae'][0], 'linear y': lambda row: row['test']['mae'][1],
    'success': lambda row: -row['closed_loop']['success']['rate'] if row['closed_loop'] else 0.0,
    'contact': lambda row: row['closed_loop']['contact']['rate'] if row['closed_loop'] else 0.0,
    'minutes': lambda row: row['minutes'],
}


def compare(names, work: Path, episodes: int, measured: int, scenes: int, out: Path,
            **train) -> dict:
    """
    Return every row, and write them to `out` as they come.

    :param train: fields of `TrainConfig` instead of every strategy's own.
    """
    from mobile_vla_ros.benchmark import metrics, rollout
    from mobile_vla_ros.models.checkpoint import load_model
    from mobile_vla_ros.sim.seeds import TEST, TRAIN, VALIDATION
    from mobile_vla_ros.training.collect import collect
    from mobile_vla_ros.training.export import export
    from mobile_vla_ros.training.fit import fit
    from mobile_vla_ros.training.shards import digest, read_shards
    from mobile_vla_ros.training.strategies import read_strategy
    folders = {'teacher': TRAIN[:episodes], 'held_out': VALIDATION[:measured],
               'test': TEST[:measured]}
    for folder, seeds in folders.items():
        collect(work / folder, seeds)
    learned, held_out, test = (_first(read_shards(work / folder), seeds)
                               for folder, seeds in folders.items())
    results = {'data': {'episodes': len(learned) // 2, 'digest': digest(learned),
                        'test_digest': digest(test)},
               'baselines': _baselines(learned, test, _executed(work / 'test', folders['test'])),
               'strategies': {}}
    for name in names:
        strategy = read_strategy(name)
        checkpoint, config = work / f'{name}.safetensors', replace(strategy.train, **train)
        if not checkpoint.exists():
            started = time.monotonic()
            fit(learned, held_out, checkpoint, config, strategy.config,
                state=work / f'{name}.state.safetensors')
            (work / f'{name}.seconds').write_text(f'{time.monotonic() - started:.1f}')
        export(checkpoint, work / f'{name}.onnx')
        model, _ = load_model(checkpoint)
        job = rollout.Job(checkpoint=str(work / f'{name}.onnx'))
        rows = rollout.run(job, TEST[:scenes]) if scenes else []
        results['strategies'][name] = {
            'minutes': float((work / f'{name}.seconds').read_text()) / 60,
            'parameters': sum(p.numel() for p in model.parameters()),
            **_score(model, test, config),
            'closed_loop': metrics.summarise(rows, job) if rows else None}
        out.write_text(json.dumps(results, indent=1) + '\n')
    return results


def _first(episodes, seeds):
    """Keep the episodes of these seeds; a work folder may hold more."""
    return [episode for episode in episodes if episode.seed in seeds]


def _executed(folder, seeds) -> list[np.ndarray]:
    """Return the base's velocities of every episode, (n, 3) each, in the order of the episodes."""
    found = []
    for shard in sorted(folder.glob('*.json')):
        executed, start = np.load(shard.with_suffix('.executed.npy')), 0
        for row in json.loads(shard.read_text()):
            if row['seed'] in seeds:
                found.append(executed[start:start + row['frames']])
            start += row['frames']
    return found


def _score(model, test, config) -> dict:
    """Return loss and MAE on `test` as it is, with black pictures, and without words."""
    import torch
    from mobile_vla_ros.models.text import encode_text
    from mobile_vla_ros.models.vision import EfficientNetLite0Grid
    from mobile_vla_ros.preprocessing import IMAGE
    from mobile_vla_ros.training.loop import validate
    from mobile_vla_ros.training.phrases import Phrases
    from mobile_vla_ros.training.shards import PERIOD_S
    with torch.inference_mode():
        black = EfficientNetLite0Grid()(torch.zeros(1, IMAGE, IMAGE, 3, dtype=torch.uint8))
    black, silence = black[0].numpy().astype(np.float16), encode_text('')
    versions = {
        'test': test,
        'blind': [replace(e, grids=np.broadcast_to(black, e.grids.shape)) for e in test],
        'no text': [replace(e, words=silence) for e in test]}
    phrases = Phrases(config.seed)
    return {name: {key: value for key, value in
                   validate(model, episodes, phrases, config, PERIOD_S).items()
                   if key != 'constant_mae'} for name, episodes in versions.items()}


def _baselines(learned, test, executed) -> dict:
    import torch
    from mobile_vla_ros.training.loss import weighted_loss
    wanted = [e.labels[:, e.side, e.color] for e in test]
    mean = np.concatenate([e.labels[:, e.side, e.color] for e in learned]).mean(0)

    def late(values):
        return [np.concatenate([np.zeros((1, 3), np.float32), value[:-1]]) for value in values]
    given = {'zero': [np.zeros_like(w) for w in wanted],
             'mean': [np.broadcast_to(mean, w.shape) for w in wanted],
             'repeat the velocity': late(executed), 'repeat the label': late(wanted)}
    target = torch.from_numpy(np.concatenate(wanted))[:, None]
    out = {}
    for name, values in given.items():
        predicted = torch.from_numpy(np.concatenate(values).astype(np.float32))[:, None]
        out[name] = {'loss': weighted_loss(predicted, target, Z_WEIGHT).item(),
                     'mae': (predicted - target).abs().mean((0, 1)).tolist()}
    return out


def table(results: dict) -> str:
    """Return the comparison as Markdown."""
    data = results['data']
    lines = ['# The strategies, compared', '',
             f'Trained on {data["episodes"]} simulated episodes and their mirror images, without '
             'corrections; measured on test scenes. Loss and mean absolute error (MAE; linear x, '
             'linear y in m/s, angular z in rad/s) are open loop, success is closed loop with a '
             '95 % interval. Made by `make strategies`.', '',
             '| | loss | MAE | MAE, black picture | MAE, no words | success | contact | minutes | '
             'best of all in | worst of all in | the note expects loss / MAE |',
             '|---' * 11 + '|']
    best, worst = (extremes(results['strategies'], pick) for pick in (min, max))
    for name, row in results['strategies'].items():
        loop = row['closed_loop'] or {}
        lines.append(' | '.join([
            f'| `{name}`', f'{row["test"]["loss"]:.4f}',
            *(_mae(row[key]) for key in ('test', 'blind', 'no text')),
            *(_rate(loop.get(key)) for key in ('success', 'contact')),
            f'{row["minutes"]:.1f}', best[name], worst[name], NOTE.get(name, '')]) + ' |')
    for name, row in results['baselines'].items():
        lines.append(f'| {name}: {BASELINES[name]} | {row["loss"]:.4f} | {_mae(row)} '
                     + '| ' * 8 + '|')
    lines += ['', 'The note measured other data, so its figures stand beside these, not against '
              f'them. Data digest `{data["digest"][:16]}`, test digest '
              f'`{data["test_digest"][:16]}`.', '']
    return '\n'.join(lines)


def extremes(strategies: dict, pick) -> dict[str, str]:
    """Return for each strategy the figures in which it has the least or most, as `pick` says."""
    found = {name: [] for name in strategies}
    for figure, measure in FIGURES.items():
        values = {name: measure(row) for name, row in strategies.items()}
        if len(set(values.values())) > 1:
            found[pick(values, key=values.get)].append(figure)
    return {name: ', '.join(figures) for name, figures in found.items()}


def _mae(row) -> str:
    return ' / '.join(f'{value:.3f}' for value in row['mae'])


def _rate(value) -> str:
    if not value:
        return ''
    return f'{value["rate"]:.0%} [{value["low"]:.0%}, {value["high"]:.0%}]'


@one_line_errors
def main(argv=None) -> int:
    """Compare, and write OUT.json and OUT.md."""
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--only', nargs='*', choices=STRATEGIES, default=list(STRATEGIES))
    p.add_argument('--episodes', type=int, default=120, help='to learn from')
    p.add_argument('--measured', type=int, default=30, help='to choose by, and to measure with')
    p.add_argument('--scenes', type=int, default=100, help='closed loop; 0: none')
    p.add_argument('--epochs', type=int, help="instead of every strategy's own")
    p.add_argument('--work', type=Path, default=Path('out/strategies'))
    p.add_argument('--out', type=Path, default=Path('docs/results/strategies'))
    args = p.parse_args(argv)
    for name in ('episodes', 'measured'):
        if getattr(args, name) < 1:
            raise ValueError(f'--{name} must be 1 or more, got {getattr(args, name)}')
    args.out.parent.mkdir(parents=True, exist_ok=True)
    results = compare(args.only, args.work, args.episodes, args.measured, args.scenes,
                      args.out.with_suffix('.json'),
                      **({'epochs': args.epochs} if args.epochs else {}))
    publish(args.out.with_suffix('.md'), table(results))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
