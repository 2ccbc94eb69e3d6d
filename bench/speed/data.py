"""The scoreboard's rows outside ROS: P5, P10, P11, P13 to P17."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
import hashlib
import json
from multiprocessing import get_context
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import time
from unittest import mock

from bench.speed.rows import Row, Size
from bench.speed.latency import ROOT
import numpy as np

from mobile_vla_ros.parallel import alone

ONNX = ROOT / 'checkpoints' / 'default.onnx'
WEIGHTS = ROOT / 'checkpoints' / 'default.safetensors'
CORES = os.cpu_count() or 1
DRIVES = 10  # in a shard


def medians_ms(repeats: int, calls: int, **sides) -> dict[str, float]:
    """Call the sides in turn; return the median over repeats of each one's median."""
    found = {name: [] for name in sides}
    for _ in range(repeats):
        for name, call in sides.items():
            call()
            took = []
            for _ in range(calls):
                started = time.perf_counter()
                call()
                took.append(1e3 * (time.perf_counter() - started))
            found[name].append(np.median(took))
    return {name: float(np.median(values)) for name, values in found.items()}


def inference(size: Size) -> list[Row]:
    """P5: the runtime against the same weights in torch eager."""
    found = {'ours': [], 'torch': []}
    for _ in range(size.repeats):
        for name, job in (('ours', (ONNX, 'auto')), ('torch', (WEIGHTS, 'torch'))):
            found[name].append(alone(_infer_ms, *job, size.calls))
    took = {name: float(np.median(values)) for name, values in found.items()}
    better = took['torch'] / took['ours']
    return [Row('P5', 'policy inference, one VGA image', 'ms', took['ours'], took['torch'],
                'torch eager', better, '<= 3, 6x better', took['ours'] <= 3 and better >= 6)]


def _infer_ms(checkpoint, backend, calls) -> float:
    """Return the median time of a call."""
    from mobile_vla_ros.inference.policy import load_policy
    rgb = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    stamps, policy = iter(range(0, 10**15, 50_000_000)), load_policy(checkpoint, backend)
    return medians_ms(1, calls, all=lambda: policy.plan(rgb, 'go left', next(stamps)))['all']


def preprocessing(size: Size) -> list[Row]:
    """P10: from a message to what the network takes."""
    from cv_bridge import CvBridge
    import torch

    from mobile_vla_ros import messages
    from mobile_vla_ros.preprocessing import IMAGE, preprocess
    rgb = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    msg, bridge = messages.to_image(rgb, 1, 'camera'), CvBridge()

    def usual():
        pixels = torch.from_numpy(bridge.imgmsg_to_cv2(msg, 'rgb8').copy())
        pixels = pixels.permute(2, 0, 1)[None].float() / 255
        return torch.nn.functional.interpolate(pixels, (IMAGE, IMAGE), mode='bilinear',
                                               antialias=True)
    took = medians_ms(size.repeats, 3 * size.calls, usual=usual,
                       ours=lambda: preprocess(messages.image_to_rgb(msg)))
    return [Row('P10', 'Image message to model input, VGA', 'ms', took['ours'], took['usual'],
                "PyPI's cv_bridge, then as torchvision", took['usual'] / took['ours'], '<= 0.5',
                took['ours'] <= 0.5)]


def building(size: Size) -> list[Row]:
    """P11 and P13: bags to samples, and an epoch from them."""
    from bench.speed import drives

    from mobile_vla_ros.training.dataset import build
    with tempfile.TemporaryDirectory(dir=_out()) as folder:
        folder = Path(folder)
        bags = [drives.write(folder / f'bag{n}', size.drive_s, first_seed=20 * n)
                for n in range(4)]
        camera = round(4 * 20 * size.drive_s)
        started = time.perf_counter()
        rows = build(bags, folder / 'data', processes=CORES)
        ours_s = time.perf_counter() - started
        samples = sum(row['frames'] for row in rows)
        loops = {}
        for name, read in (('rosbags', _rosbags), ('mcap-ros2-support', _mcap)):
            started = time.perf_counter()
            count = _plain_build(bags[0], folder, read)
            loops[name] = count / (time.perf_counter() - started)
        samples_s, best = samples / ours_s, max(loops, key=loops.get)
        camera_s = camera / ours_s
        return [
            Row('P11', 'bags to training samples, camera frames read', 'frames/s', camera_s,
                camera_s * loops[best] / samples_s, f'plain loop, {best}',
                samples_s / loops[best], '>= 500, faster than both',
                camera_s >= 500 and samples_s > max(loops.values()),
                details={'samples_per_s': samples_s, 'loops_samples_per_s': loops}),
            _epoch(folder / 'data', bags[0], size)]


def _plain_build(bag: Path, folder: Path, read) -> int:
    """Make the same samples the plain way: one loop, one process; return how many."""
    import cv2

    from mobile_vla_ros.training.features import Encoder
    encoder, due, kept = Encoder(folder / 'data'), 0, []
    for ns, jpeg in read(bag):
        if ns < due:
            continue
        due = ns + 200_000_000
        rgb = cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR),
                           cv2.COLOR_BGR2RGB)
        for picture in (rgb, np.ascontiguousarray(rgb[:, ::-1])):  # the mirror image too
            kept.append(encoder(picture).astype(np.float16))
    np.save(folder / 'plain.npy', np.stack(kept))
    return len(kept) // 2


def _rosbags(bag):
    from rosbags.highlevel import AnyReader
    with AnyReader([bag]) as reader:
        for connection, ns, raw in reader.messages():
            msg = reader.deserialize(raw, connection.msgtype)
            if connection.topic == '/image':
                yield ns, msg.data


def _mcap(bag):
    from mcap.reader import make_reader
    from mcap_ros2.decoder import DecoderFactory
    with next(bag.glob('*.mcap')).open('rb') as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        for _, channel, message, msg in reader.iter_decoded_messages():
            if channel.topic == '/image':
                yield message.log_time, msg.data


def _epoch(data: Path, bag: Path, size: Size) -> Row:
    """P13: an epoch from cached features, and one that decodes and encodes every picture."""
    import cv2
    import torch

    from mobile_vla_ros.models.vision import EfficientNetLite0Grid
    from mobile_vla_ros.preprocessing import preprocess
    from mobile_vla_ros.training.shards import read_shards
    episodes = read_shards(data)
    frames = sum(len(episode.labels) for episode in episodes)
    cached_s = _train_s(episodes, 3)
    jpegs = [bytes(jpeg) for _, jpeg in _rosbags(bag)][:size.calls]
    encoder = EfficientNetLite0Grid().eval()
    started = time.perf_counter()
    with torch.inference_mode():
        for jpeg in jpegs:
            picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
            encoder(torch.from_numpy(preprocess(np.ascontiguousarray(picture)))[None])
    each_s = (time.perf_counter() - started) / len(jpegs)
    decoding_s = cached_s + frames * each_s
    better = decoding_s / cached_s
    return Row('P13', 'training epoch from cached features, of 10,000 frames', 's',
               1e4 * cached_s / frames, 1e4 * decoding_s / frames,
               'decoding and encoding every epoch', better, '>= 20x; <= 5 s', better >= 20
               and 1e4 * cached_s / frames <= 5,
               details={'frames': frames, 'measured_on': len(jpegs),
                        'ms_to_decode_and_encode': 1e3 * each_s})


def _train_s(episodes, epochs: int) -> float:
    """Return the seconds that the fastest of some epochs takes."""
    from mobile_vla_ros.models.final_fixed import FinalFixed, FinalFixedConfig
    from mobile_vla_ros.training import loop, shards
    few = partial(shards.Phrases, per_language=1)  # to embed all takes half a minute
    with mock.patch.object(loop, 'Phrases', few):
        result = loop.train(FinalFixed(FinalFixedConfig()), episodes, episodes[:1],
                            loop.TrainConfig(epochs=epochs, word_steps=1), shards.PERIOD_S,
                            progress=False)
    return min(row['seconds'] for row in result['history'])


def replaying(size: Size) -> list[Row]:
    """P14, P16 and P17: replayed recordings: how fast, how equal, and how it grows."""
    from bench.speed import drives
    rounds = min(size.repeats, 3)
    with tempfile.TemporaryDirectory(dir=_out()) as folder:
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
    """Return how time and memory grow from the first of each round to the second: medians."""
    seconds, mb = ([float(np.median([pair[side][name] for pair in rounds])) for side in (0, 1)]
                   for name in ('seconds', 'mb'))
    return {'times': seconds[1] / seconds[0], 'memory': mb[1] / mb[0] - 1, 'rounds': rounds}


def _training(size: Size, rounds: int) -> list:
    """Train on the features of some frames and of more, in turn, shard by shard."""
    from mobile_vla_ros.training.shards import write_shard
    with tempfile.TemporaryDirectory(dir=_out()) as folder:
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
    """Return the seconds of three epochs, and what memory they took."""
    from mobile_vla_ros.training.shards import read_shards
    _train_s(read_shards(data)[:3], 1)  # what is imported or embedded once
    started = time.perf_counter()
    _train_s(read_shards(data), 3)
    seconds = time.perf_counter() - started
    told = dict(line.split(':', 1) for line in Path('/proc/self/status').read_text().splitlines())
    # Features are mapped from their files: the system takes those pages back when it needs them.
    # What is freed of the rest stays with the process (`keep_memory`), so this is its peak.
    return {'seconds': seconds, **{name: int(told[line].split()[0]) / 1024 for name, line in
                                   (('mb', 'RssAnon'), ('with_mapped_mb', 'VmHWM'))}}


PEAK = """
import sys
from mobile_vla_ros.cli.replay import main
status = main(sys.argv[1:])
print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])
sys.exit(status)
"""


def _replay(folder, *bags) -> dict:
    out = folder / 'replay.json'
    told = subprocess.run([sys.executable, '-c', PEAK, *map(str, bags), '--json', str(out)],
                          check=True, capture_output=True, text=True, cwd=ROOT).stdout
    return {**json.loads(out.read_text()), 'peak_mb': int(told.split()[-1]) / 1024}


def simulating(size: Size) -> list[Row]:
    """P15: simulated steps of 0.1 s with a picture, on all cores."""
    seeds = range(max(size.scenes, CORES))
    with ProcessPoolExecutor(CORES, get_context('spawn')) as pool:
        list(pool.map(_simulate, [(0, 1)] * CORES))  # compiled and warm
        started = time.perf_counter()
        steps = sum(pool.map(_simulate, [(seed, 200) for seed in seeds]))
        rate = steps / (time.perf_counter() - started)
    return [Row('P15', 'simulated steps with a picture', 'x real time at 10 Hz', rate / 10, 1.0,
                'real time', rate / 10, '>= 50', rate >= 500, details={'steps_per_s': rate})]


_simulator = None


def _simulate(job) -> int:
    global _simulator
    from mobile_vla_ros.benchmark.rollout import SIZE
    from mobile_vla_ros.sim.expert import Expert
    from mobile_vla_ros.sim.scenario import make_scenario
    from mobile_vla_ros.sim.simulator import Simulator
    seed, steps = job
    _simulator = _simulator or Simulator(*SIZE)
    scenario = make_scenario(seed)
    _simulator.reset(scenario)
    expert = Expert(scenario)
    for _ in range(steps):
        _simulator.render()
        _simulator.step(expert.act(_simulator.pose), 0.1)
    return steps


def _out() -> Path:
    (ROOT / 'out').mkdir(exist_ok=True)
    return ROOT / 'out'
