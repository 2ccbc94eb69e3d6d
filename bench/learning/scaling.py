"""
How success grows with the recorded episodes, and what damping yaw does to two kinds of teacher.

    make scaling         # about 40 minutes on two cores

Every training takes the same number of steps, so that more data is not also more computing; no
policy is given corrections. What is done already is found again in --work.
"""

import argparse
from dataclasses import dataclass
import json
from pathlib import Path

from bench.pages import publish
from mobile_vla_ros.cli import one_line_errors
from mobile_vla_ros.parallel import imap

TEACHERS = {'straight': 'looks straight ahead', 'facing': 'turns its camera to the bottle'}
DAMPING = (0.05, 1.0)


@dataclass(frozen=True)
class Trial:
    """One training: whose driving, how many episodes, the weight of yaw, the seed."""

    teacher: str
    episodes: int
    z_weight: float
    seed: int

    @property
    def name(self) -> str:
        """Return the name of its files."""
        return f'{self.teacher}-{self.episodes}-z{self.z_weight:g}-seed{self.seed}'


def learn(job) -> None:
    """Train and export one trial, unless its files are there."""
    trial, work, steps, train = job
    from mobile_vla_ros.models.final_fixed import FinalFixedConfig
    from mobile_vla_ros.sim.seeds import TRAIN
    from mobile_vla_ros.training.export import export
    from mobile_vla_ros.training.fit import fit
    from mobile_vla_ros.training.loop import TrainConfig
    from mobile_vla_ros.training.shards import read_shards
    checkpoint = work / f'{trial.name}.safetensors'
    if not checkpoint.exists():
        seeds = TRAIN[:trial.episodes]
        episodes = [e for e in read_shards(work / trial.teacher) if e.seed in seeds]
        batches = -(-len(episodes) // TrainConfig.episodes_per_batch)
        config = TrainConfig(epochs=max(1, round(steps / batches)), seed=trial.seed,
                             z_weight=trial.z_weight, **train)
        fit(episodes, read_shards(work / f'{trial.teacher}-held-out'), checkpoint, config,
            FinalFixedConfig(z_weight=trial.z_weight))
    export(checkpoint, checkpoint.with_suffix('.onnx'))


def measure(trials, work: Path, held_out: int, steps: int, scenes: int, processes: int,
            out: Path, **train) -> dict:
    """
    Return every trial's row, and write them to `out` as they come.

    :param train: fields of `TrainConfig` instead of its own.
    """
    from mobile_vla_ros.benchmark import metrics, rollout
    from mobile_vla_ros.models.checkpoint import load_model
    from mobile_vla_ros.sim.seeds import TEST, TRAIN, VALIDATION
    from mobile_vla_ros.training.collect import collect
    for teacher in sorted({trial.teacher for trial in trials}):
        most = max(trial.episodes for trial in trials if trial.teacher == teacher)
        for folder, seeds in ((teacher, TRAIN[:most]),
                              (f'{teacher}-held-out', VALIDATION[:held_out])):
            collect(work / folder, seeds, processes, faces_target=teacher == 'facing')
    list(imap(learn, [(trial, work, steps, train) for trial in trials], processes))
    results = {'steps': steps, 'scenes': scenes, 'first_seed': TEST.start, 'trials': {}}
    for trial in trials:
        checkpoint = work / f'{trial.name}.safetensors'
        model, metadata = load_model(checkpoint)
        job = rollout.Job(checkpoint=str(checkpoint.with_suffix('.onnx')))
        rates = metrics.summarise(rollout.run(job, TEST[:scenes], processes), job)
        results['trials'][trial.name] = {
            'teacher': trial.teacher, 'episodes': trial.episodes, 'z_weight': trial.z_weight,
            'seed': trial.seed, 'learned_z_weight': model.axis_weight[2].item(),
            'data_digest': metadata.data['digest'], 'open_loop': metadata.metrics['open_loop'],
            'closed_loop': rates}
        out.write_text(json.dumps(results, indent=1) + '\n')
        print(trial.name, _rate(rates['success']), flush=True)
    return results


def table(results: dict) -> str:
    """Return both comparisons as Markdown."""
    trials = list(results['trials'].values())
    curve = [t for t in trials if t['teacher'] == 'straight' and t['z_weight'] == DAMPING[0]]
    lines = ['# How much to record, and whether to damp yaw', '',
             f'FinalFixed, {results["steps"]} steps of training each whatever the amount of data, '
             f'no corrections; {results["scenes"]} test scenes a training, 95 % intervals. Made '
             'by `make scaling`.', '',
             '## Success by recorded episodes', '', '![](scaling.png)', '',
             '| episodes | success of each training seed | together | contact | wrong side |',
             '|---|---|---|---|---|']
    for episodes in sorted({t['episodes'] for t in curve}):
        rows = [t for t in curve if t['episodes'] == episodes]
        each = ', '.join(f'{t["closed_loop"]["success"]["rate"]:.0%}' for t in rows)
        lines.append(f'| {episodes} | {each} | ' + ' | '.join(
            _rate(together(rows, name)) for name in ('success', 'contact', 'wrong_side')) + ' |')
    lines += ['', '## Yaw damped, or not', '',
              'Two teachers translate; one also keeps its camera on the bottle. 0.05 is the '
              'weight of yaw in the loss and at the start of the model, which learns it from '
              'there. Each row is one training, of seed 0: what differs by less than the seeds '
              'of the table above do is chance.', '',
              '| teacher | weight of yaw | episodes | success | contact | MAE of yaw, rad/s '
              "(a constant's) | weight learned |", '|---|---|---|---|---|---|---|']
    least = {t['episodes'] for t in trials if t['teacher'] == 'facing'}
    for t in sorted(trials, key=lambda t: (t['teacher'] != 'straight', t['z_weight'])):
        if t['episodes'] in least and t['seed'] == 0:
            open_loop, rates = t['open_loop'], t['closed_loop']
            lines.append(
                f'| {TEACHERS[t["teacher"]]} | {t["z_weight"]:g} | {t["episodes"]} | '
                f'{_rate(rates["success"])} | {_rate(rates["contact"])} | '
                f'{open_loop["mae"][2]:.4f} ({open_loop["constant_mae"][2]:.4f}) | '
                f'{t["learned_z_weight"]:.2f} |')
    return '\n'.join(lines) + '\n'


def together(rows, name) -> dict:
    """Return one rate over the scenes of several trainings."""
    from mobile_vla_ros.benchmark.statistics import wilson
    hits = sum(t['closed_loop'][name]['hits'] for t in rows)
    trials = sum(t['closed_loop'][name]['trials'] for t in rows)
    low, high = wilson(hits, trials)
    return {'rate': hits / trials, 'low': low, 'high': high, 'trials': trials}


def _rate(value) -> str:
    return f'{value["rate"]:.0%} [{value["low"]:.0%}, {value["high"]:.0%}]'


def plot(results: dict, path: Path) -> None:
    """Draw success by episodes; every training is a dot."""
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    curve = [t for t in results['trials'].values()
             if t['teacher'] == 'straight' and t['z_weight'] == DAMPING[0]]
    sizes = sorted({t['episodes'] for t in curve})
    rates = [together([t for t in curve if t['episodes'] == n], 'success') for n in sizes]
    figure, axes = plt.subplots(figsize=(6, 3.4), layout='constrained')
    axes.fill_between(sizes, [100 * r['low'] for r in rates], [100 * r['high'] for r in rates],
                      color='tab:blue', alpha=0.15, lw=0)
    axes.plot(sizes, [100 * r['rate'] for r in rates], color='tab:blue')
    axes.plot([t['episodes'] for t in curve],
              [100 * t['closed_loop']['success']['rate'] for t in curve], 'o',
              color='tab:blue', mfc='white')
    axes.set(xscale='log', xticks=sizes, xticklabels=map(str, sizes), ylim=(0, 103),
             xlabel='recorded episodes', ylabel='success in closed loop, %')
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.spines[['top', 'right']].set_visible(False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


@one_line_errors
def main(argv=None) -> int:
    """Measure, and write OUT.json, OUT.md and OUT.png."""
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--sizes', type=int, nargs='+', default=[20, 80, 320], help='episodes')
    p.add_argument('--seeds', type=int, default=3, help='trainings of each size')
    p.add_argument('--yaw-episodes', type=int, default=80, help='to compare the teachers with')
    p.add_argument('--held-out', type=int, default=30, help='episodes to choose the epoch by')
    p.add_argument('--steps', type=int, default=800)
    p.add_argument('--scenes', type=int, default=100)
    p.add_argument('--processes', type=int, default=2)
    p.add_argument('--work', type=Path, default=Path('out/scaling'))
    p.add_argument('--out', type=Path, default=Path('docs/results/scaling'))
    args = p.parse_args(argv)
    for name in ('seeds', 'yaw_episodes', 'held_out', 'steps', 'scenes', 'processes'):
        if getattr(args, name) < 1:
            raise ValueError(f'--{name.replace("_", "-")} must be 1 or more, got '
                             f'{getattr(args, name)}')
    if min(args.sizes) < 1:
        raise ValueError(f'--sizes must be 1 or more, got {min(args.sizes)}')
    trials = {Trial('straight', size, DAMPING[0], seed): None
              for size in sorted(args.sizes) for seed in range(args.seeds)}
    trials |= {Trial(teacher, args.yaw_episodes, weight, 0): None
               for teacher in TEACHERS for weight in DAMPING}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    results = measure(list(trials), args.work, args.held_out, args.steps, args.scenes,
                      args.processes, args.out.with_suffix('.json'))
    plot(results, args.out.with_suffix('.png'))
    publish(args.out.with_suffix('.md'), table(results))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
