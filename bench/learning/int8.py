"""
The shipped network in eight bits: its speed, size, difference from floats, and driving.

    python -m bench.learning.int8    # half an hour; nothing else should run

Quantized by onnxruntime.quantization (QDQ, a scale for each channel of the weights, calibrated on
drives over training seeds) in each way of WAYS; `export --int8` takes BEST. Writes OUT/int8.json,
a runtime file for each way, and a table into PAGE.
"""

import argparse
from dataclasses import replace
import json
from pathlib import Path
import sys
import time

import numpy as np

from bench.pages import put
from bench.paths import ROOT
from mobile_vla_ros.benchmark import rollout
from mobile_vla_ros.inference.policy import load_policy
from mobile_vla_ros.sim.seeds import TRAIN, VALIDATION
from mobile_vla_ros.training.quantize import (
    Call, CallRecorder, differences, quantize, QuantizeConfig, STEM)

FLOAT = ROOT / 'checkpoints' / 'default.onnx'
THREADS = (1, 2)
CALIBRATION, COMPARED, DRIVEN = TRAIN[500:516], VALIDATION[900:908], VALIDATION[1000:]
HEAD = '/model/'  # how the names of its nodes begin
ENCODER = QuantizeConfig(('Conv', 'Clip', 'Add'), (HEAD,))
WAYS = {
    'convolutions alone': replace(ENCODER, operators=('Conv',)),
    'encoder': ENCODER,
    'encoder, weights of 8 bits': replace(ENCODER, reduce_range=False),
    'encoder, unsigned weights of 8 bits': replace(ENCODER, reduce_range=False, weights='QUInt8'),
    'encoder, signed activations': replace(ENCODER, activations='QInt8'),
    'encoder but its first layer': replace(ENCODER, floats=(HEAD, STEM)),
    'the same and the head': QuantizeConfig(),
    'whatever can be': QuantizeConfig(None, ()),
}
BEST = 'the same and the head'


def record_calls(seeds) -> list[Call]:
    """Return some of the network's calls on drives over `seeds`."""
    runner = rollout.Runner(rollout.Job(checkpoint=str(FLOAT), backend='onnxruntime'))
    runner.policy.engine = calls = CallRecorder(runner.policy.engine)
    for seed in seeds:
        runner.run(seed)
    return calls.kept


def speeds(files: dict[str, Path], calls, rounds: int) -> dict[str, dict[int, list[float]]]:
    """Return the median ms of a call in every round, for each file and number of threads."""
    engines = {(name, threads): load_policy(path, 'onnxruntime', threads).engine
               for name, path in files.items() for threads in THREADS}
    found = {name: {threads: [] for threads in THREADS} for name in files}
    for _ in range(rounds):
        for (name, threads), engine in engines.items():
            took = []
            for given, _ in calls:
                started = time.perf_counter()
                engine(*given.values())
                took.append(1e3 * (time.perf_counter() - started))
            found[name][threads].append(float(np.median(took)))
    return found


def drive(path: Path, scenes: int) -> list[bool]:
    """Tell for each scene whether a runtime file drives it well; all in this process."""
    job = rollout.Job(checkpoint=str(path), backend='onnxruntime')
    return [row['success'] for row in rollout.run(job, DRIVEN[:scenes], processes=1)]


def table(rows: list[dict]) -> str:
    """Return the rows, the float file's first, as Markdown."""
    lines = ['| quantized | ms, 1 thread | times faster | ms, 2 threads | times faster | MB | '
             'commands differ, m/s: most, mean | success |', '|---' * 8 + '|']
    for row in rows:
        times = [cell for t in map(str, THREADS)
                 for cell in (f'{row["ms"][t]:.2f}', f'{row["faster"][t]:.2f}')]
        drove = '' if 'success' not in row else \
            f'{sum(row["success"])} of {len(row["success"])}'
        lines.append(f'| {row["name"]} | {" | ".join(times)} | {row["bytes"] / 1e6:.1f} | '
                     f'{row["most"]:.3f}, {row["mean"]:.4f} | {drove} |')
    driven = [row['success'] for row in rows if 'success' in row]
    if len(driven) > 1:
        apart = sum(a != b for a, b in zip(*driven[:2]))
        lines += ['', f'Of {len(driven[0])} validation scenes, {apart} end well in one and not '
                  'in the other.']
    return '\n'.join(lines)


def main(argv=None) -> int:
    """Measure and write."""
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--scenes', type=int, default=200, help='to drive, 0 for none')
    p.add_argument('--rounds', type=int, default=15)
    p.add_argument('--drive', default=BEST, choices=list(WAYS), help='the way that drives')
    p.add_argument('--out', type=Path, default=ROOT / 'out' / 'int8')
    p.add_argument('--page', type=Path, default=ROOT / 'docs' / 'performance.md')
    args = p.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    inputs, compared = [given for given, _ in record_calls(CALIBRATION)], record_calls(COMPARED)
    files = {'nothing: float': FLOAT}
    for name, way in WAYS.items():
        out = args.out / f'{name.replace(",", "").replace(" ", "-")}.onnx'
        quantize(FLOAT, out, inputs, way)
        files[name] = out
    took = speeds(files, compared[:20], args.rounds)
    floats, rows = next(iter(took.values())), []
    for name, path in files.items():
        apart = differences(path, compared)[:, :2]
        rows.append({
            'name': name, 'bytes': path.stat().st_size,
            'ms': {str(t): float(np.median(ms)) for t, ms in took[name].items()},
            'faster': {str(t): float(np.median(np.divide(floats[t], ms)))  # of the same round
                       for t, ms in took[name].items()},
            'most': float(apart.max()), 'mean': float(apart.mean())})
        if args.scenes and path in (FLOAT, files[args.drive]):
            rows[-1]['success'] = drive(path, args.scenes)
    (args.out / 'int8.json').write_text(json.dumps(
        {'calibrated_on': len(inputs), 'compared_on': len(compared), 'rows': rows}, indent=1))
    put(args.page, 'int8', table(rows))
    print(table(rows))
    return 0


if __name__ == '__main__':
    sys.exit(main())
