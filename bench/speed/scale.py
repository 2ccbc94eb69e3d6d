"""
Two processes against one: what simulation, replay, building and training gain by them.

    python -m bench.speed.scale         # five minutes on two cores

Writes docs/performance.md's third table and OUT/scale.json.
"""

import argparse
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import time

from bench.pages import put
from bench.paths import ROOT

COUNTS = (1, 2)
SCENES, DRIVE_S = 60, 60.0  # simulated scenes; seconds of each of six bags


def simulation(folder: Path) -> dict:
    """Return scenes a second of the closed-loop benchmark, by the number of processes."""
    from mobile_vla_ros.benchmark import rollout
    from mobile_vla_ros.sim.seeds import VALIDATION
    return {n: SCENES / _seconds(rollout.run, rollout.Job(), VALIDATION[:SCENES], n)
            for n in COUNTS}


def cluster(folder: Path) -> dict:
    """Return the same for the processes of a running Ray cluster."""
    import ray
    from mobile_vla_ros.parallel import CLUSTER
    os.environ[CLUSTER] = 'local'
    ray.init()
    try:
        return simulation(folder)
    finally:
        ray.shutdown()
        del os.environ[CLUSTER]


def replaying(folder: Path) -> dict:
    """Return recorded seconds a second of `replay`."""
    from mobile_vla_ros.replay.batch import replay_bags
    bags = sorted(folder.glob('bag*'))
    return {n: len(bags) * DRIVE_S / replay_bags(bags, processes=n)[2] for n in COUNTS}


def building(folder: Path) -> dict:
    """Return recorded seconds a second of `dataset build`."""
    from mobile_vla_ros.training.dataset import build
    bags = sorted(folder.glob('bag*'))
    return {n: len(bags) * DRIVE_S / _seconds(build, bags, folder / f'data{n}', processes=n)
            for n in COUNTS}


def training(folder: Path) -> dict:
    """Return frames a second of an epoch of `train`, alone and under torchrun, with one thread."""
    from mobile_vla_ros.models.checkpoint import load_model
    rates = {}
    for n in COUNTS:
        out = folder / f'train{n}'
        subprocess.run(
            [sys.executable, '-m', 'torch.distributed.run', '--standalone',
             f'--nproc_per_node={n}', '-m', 'mobile_vla_ros', 'train', '--data',
             str(folder / 'data1'), '--out', str(out), '--strategy', 'final_fixed'],
            check=True, capture_output=True, cwd=ROOT, env={**os.environ, 'OMP_NUM_THREADS': '1'})
        metadata = load_model(out / 'best.safetensors')[1]
        rates[n] = metadata.data['frames'] / min(
            row['seconds'] for row in metadata.training['history'])
    return rates


MEASURES = {
    'closed-loop benchmark, scenes': simulation,
    'the same over a Ray cluster of this machine': cluster,
    '`replay`, recorded seconds': replaying,
    '`dataset build`, recorded seconds': building,
    '`train` under `torchrun`, frames of an epoch': training}


def table(found: dict) -> str:
    """Return the rates as Markdown."""
    lines = ['| a second | one process | two | times |', '|---|---|---|---|']
    for name, rates in found.items():
        one, two = (rates[n] for n in COUNTS)
        lines.append(f'| {name} | {one:.3g} | {two:.3g} | {two / one:.2f} |')
    return '\n'.join(lines)


def _seconds(call, *args, **kwargs) -> float:
    started = time.perf_counter()
    call(*args, **kwargs)
    return time.perf_counter() - started


def main(argv=None) -> int:
    """Measure and write."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.
                            RawDescriptionHelpFormatter).parse_args(argv)
    from bench.speed import drives
    out, found = ROOT / 'out' / 'bench' / 'scale.json', {}
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / 'out') as folder:
        folder = Path(folder)
        for n in range(6):
            drives.write(folder / f'bag{n}', DRIVE_S, first_seed=20 * n)
        for name, measure in MEASURES.items():
            print(name, file=sys.stderr)
            found[name] = measure(folder)
    out.write_text(json.dumps(found, indent=1))
    put(ROOT / 'docs' / 'performance.md', 'scale', table(found))
    print(table(found))
    return 0


if __name__ == '__main__':
    sys.exit(main())
