"""The scoreboard's rows from bags to a training: P11 and P13."""

from functools import partial
import os
from pathlib import Path
import tempfile
import time
from unittest import mock

import numpy as np

from bench.speed import drives
from bench.speed.rows import Row, Size
from bench.speed.timing import out_folder

CORES = os.cpu_count() or 1


def building(size: Size) -> list[Row]:
    """P11 and P13: bags to samples, and an epoch from them."""
    from mobile_vla_ros.training.dataset import build
    with tempfile.TemporaryDirectory(dir=out_folder()) as folder:
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
    """Make the same samples in one plain loop of one process; return how many."""
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
    cached_s = train_s(episodes, 3)
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


def train_s(episodes, epochs: int) -> float:
    """Return the seconds that the fastest of some epochs takes."""
    from mobile_vla_ros.models.final_fixed import FinalFixed, FinalFixedConfig
    from mobile_vla_ros.training import loop, phrases, shards
    few = partial(phrases.Phrases, per_language=1)  # to embed all takes half a minute
    with mock.patch.object(loop, 'Phrases', few):
        result = loop.train(FinalFixed(FinalFixedConfig()), episodes, episodes[:1],
                            loop.TrainConfig(epochs=epochs, word_steps=1), shards.PERIOD_S,
                            progress=False)
    return min(row['seconds'] for row in result['history'])
