"""The scoreboard's rows of replay and of growth: P14, P16 and P17."""

import hashlib
import json
from pathlib import Path
import subprocess
import sys
import tempfile
import time

import numpy as np

from bench.paths import ROOT
from bench.speed import drives
from bench.speed.rows import Row, Size
from bench.speed.timing import out_folder
from bench.speed.training_rows import train_s
from mobile_vla_ros.parallel import alone

DRIVES = 10  # in a shard
PEAK = """
import sys
from mobile_vla_ros.cli.replay import main
status = main(sys.argv[1:])
print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])
sys.exit(status)
"""


def replaying(size: Size) -> list[Row]:
    """P14, P16 and P17: replayed recordings: how fast, how equal, and how it grows."""
    rounds = min(size.repeats, 3)
    with tempfile.TemporaryDirectory(dir=out_folder()) as folder:
        folder = Path(folder)
        short = [drives.write(folder / f'short{n}', size.drive_s, first_seed=40 + 20 * n)
                 for n in range(2)]
        runs = [_replay(folder, *short) for _ in range(2)]
        long = drives.write(folder / 'long', size.drive_s, 40, times=size.growth)
        grown = [[_replay(folder, bag) for bag in (short[0], long)] for _ in range(rounds)]
    one = float(np.median([run['timing']['times_real_time'] for run, _ in grown]))
    both = max(run['timing']['times_real_time'] for run in runs)
    first, second = (hashlib.sha256(json.dumps(
        {k: v for k, v in run.items() if k not in ('timing', 'peak_mb')},
        sort_keys=True).encode()).hexdigest() for run in runs)
    again = _growth([[{'seconds': run['timing']['replay_s'], 'mb': run['peak_mb']} for run in pair]
                     for pair in grown])
    learnt = _growth(_training(size, rounds))
    times = max(again['times'], learnt['times'])
    return [
        Row('P14', 'replay of VGA JPEG at 20 Hz', 'x real time', both, 1.0,
            "the bags' own duration", both, '>= 20', both >= 20, f'{one:.1f} in one process',
            {'one_bag_alone': one}),
        Row('P16', 'the same replay again', 'equal', float(first == second), None, 'itself',
            None, 'bit-identical', first == second, details={'sha256': first}),
        Row('P17', f'replay or training, the slower to grow, of {size.growth}x the data',
            'x the time', times, float(size.growth), 'linear growth', size.growth / times,
            'not above linear, memory +- 10 %',
            times <= 1.05 * size.growth
            and all(abs(kind['memory']) <= 0.1 for kind in (again, learnt)),
            f'replay {again["times"]:.2f}, memory {again["memory"]:+.1%}; training '
            f'{learnt["times"]:.2f}, memory {learnt["memory"]:+.1%} beside mapped features',
            {'replay': again, 'training': learnt})]


def _growth(rounds: list) -> dict:
    """Return how time and memory grow from each round's first run to its second: medians."""
    seconds, mb = ([float(np.median([pair[side][name] for pair in rounds])) for side in (0, 1)]
                   for name in ('seconds', 'mb'))
    return {'times': seconds[1] / seconds[0], 'memory': mb[1] / mb[0] - 1, 'rounds': rounds}


def _training(size: Size, rounds: int) -> list:
    """Train on a few shards and on many, in turn; return the figures of every round."""
    from mobile_vla_ros.training.shards import write_shard
    with tempfile.TemporaryDirectory(dir=out_folder()) as folder:
        rng, shape = np.random.default_rng(0), (size.learned // DRIVES, 304, 10, 10)
        drives = [rng.random(shape, np.float32).astype(np.float16) for _ in range(DRIVES)]
        sets = {Path(folder) / str(shards): shards for shards in (1, size.growth)}
        for data, shards in sets.items():
            data.mkdir()
            for shard in range(shards):
                labels = rng.normal(size=(shape[0], 2, 4, 3)).astype(np.float32)
                write_shard(data, f'{shard:03d}', [
                    ({'seed': DRIVES * shard + number, 'side': 'left', 'color': 'red'}, grids,
                     labels, labels[:, 0, 0]) for number, grids in enumerate(drives)])
        return [[alone(_learn, data) for data in sets] for _ in range(rounds)]


def _learn(data: Path) -> dict:
    """Return the seconds and the memory of three epochs."""
    from mobile_vla_ros.training.shards import read_shards
    train_s(read_shards(data)[:3], 1)  # imports and embeds what is needed once
    started = time.perf_counter()
    train_s(read_shards(data), 3)
    seconds = time.perf_counter() - started
    told = dict(line.split(':', 1) for line in Path('/proc/self/status').read_text().splitlines())
    # Features are mapped from their files: the system takes those pages back when it needs them.
    # What is freed of the rest stays with the process (`keep_memory`), so this is its peak.
    return {'seconds': seconds, **{name: int(told[line].split()[0]) / 1024 for name, line in
                                   (('mb', 'RssAnon'), ('with_mapped_mb', 'VmHWM'))}}


def _replay(folder, *bags) -> dict:
    out = folder / 'replay.json'
    told = subprocess.run([sys.executable, '-c', PEAK, *map(str, bags), '--json', str(out)],
                          check=True, capture_output=True, text=True, cwd=ROOT).stdout
    return {**json.loads(out.read_text()), 'peak_mb': int(told.split()[-1]) / 1024}
