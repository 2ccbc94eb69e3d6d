"""The scoreboard's rows over DDS: P1 to P4, P6 to P9, P12."""

from contextlib import contextmanager
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

from bench.paths import ROOT
from bench.speed import latency
from bench.speed.rows import median, Row, Size

CHECKPOINT = str(ROOT / 'checkpoints' / 'default.onnx')
NO_CAP = ('-p', 'stopping.distance:=0.0')  # a slowed base would not show which frame it answers


def _python(module, *args) -> list:
    return [sys.executable, '-m', f'bench.speed.{module}', *map(str, args)]


def _in_turn(repeats: int, **sides) -> dict[str, list[dict]]:
    """Call the sides one after the other, `repeats` times; return their results."""
    found = {name: [] for name in sides}
    for _ in range(repeats):
        for name, measure in sides.items():
            found[name].append(measure())
    return found


def stream(size: Size) -> list[Row]:
    """P1, P2, P3 and P9: a 20 Hz VGA camera into our node, the naive one and an echo."""
    found = _in_turn(
        size.repeats,
        ours=lambda: latency.measure(latency.node_command(CHECKPOINT, *NO_CAP), size.frames),
        naive=lambda: latency.measure(_python('rivals.naive_node'), size.frames),
        echo=lambda: latency.measure(_python('rivals.echo_node'), size.frames))
    p50 = {name: median(runs, 'latency_ms', 'p50') for name, runs in found.items()}
    p99 = {name: median(runs, 'latency_ms', 'p99') for name, runs in found.items()}
    mean, std, slow = (median(found['ours'], 'period_ms', name) for name in ('mean', 'std', 'p99'))
    memory = {name: median(found[name], 'memory_mb') for name in ('ours', 'naive')}
    start = {name: median(found[name], 'start_s') for name in ('ours', 'naive')}
    better = p50['naive'] / p50['ours']
    return [
        Row('P1', 'image published to Twist received, VGA, p50', 'ms', p50['ours'], p50['naive'],
            'naive node', better, '<= 5, p99 <= 15, 5x better',
            p50['ours'] <= 5 and p99['ours'] <= 15 and better >= 5, f'p99 {p99["ours"]:.1f} ms',
            {'p99': p99, 'runs': found}),
        Row('P2', 'the same against the transport alone, p50', 'ms', p50['ours'], p50['echo'],
            'echo node', p50['echo'] / p50['ours'], '<= 2.5 times the floor',
            p50['ours'] <= 2.5 * p50['echo']),
        Row('P3', 'output period at 20 Hz, p99', 'ms', slow,
            median(found['naive'], 'period_ms', 'p99'), 'naive node',
            median(found['naive'], 'period_ms', 'p99') / slow,
            'mean 50 +- 3 %, p99 <= 60, spread <= 0.05 of it',
            abs(mean / 50 - 1) <= 0.03 and slow <= 60 and std / mean <= 0.05,
            f'mean {mean:.1f}, spread {std / mean:.3f}', {'mean': mean, 'spread': std / mean}),
        Row('P9', 'memory of the drive node', 'MB', memory['ours'], memory['naive'],
            'node with torch', memory['naive'] / memory['ours'], '<= 300 MB, active in <= 2 s',
            memory['ours'] <= 300 and start['ours'] <= 2,
            f'commands after {start["ours"]:.1f} s', {'start_s': start})]


def saturated(size: Size) -> list[Row]:
    """P4: with one core kept busy by something else."""
    with _busy_core():
        found = _in_turn(
            size.repeats,
            ours=lambda: latency.measure(latency.node_command(CHECKPOINT, *NO_CAP), size.frames),
            naive=lambda: latency.measure(_python('rivals.naive_node'), size.frames))
    ours, naive = (median(found[name], 'period_ms', 'p99') for name in ('ours', 'naive'))
    stops = sum(run['stops'] for run in found['ours'])
    return [Row('P4', 'output period with a busy core, p99', 'ms', ours, naive, 'naive node',
                naive / ours, '<= 75, no false STOP', ours <= 75 and not stops,
                f'{stops} false STOPs', {'false_stops': stops})]


@contextmanager
def _busy_core():
    child = subprocess.Popen([sys.executable, '-c', 'while True: pass'])
    try:
        yield
    finally:
        child.kill()
        child.wait()


def slow_inference(size: Size) -> list[Row]:
    """P6: how old the frames are that the base is driven by, with inference ten frames long."""
    hz, delay_s = 20.0, 0.5
    settings = {'frames': 2 * size.frames, 'width': 320, 'height': 240, 'hz': hz}
    # By default it would stop, as the frames are too old; two inferences and a period must fit.
    patient = ('-p', 'image_timeout:=2.0')
    found = _in_turn(
        min(size.repeats, 3),
        ours=lambda: latency.measure(
            latency.node_command('', *NO_CAP, *patient, delay_s=delay_s), **settings),
        naive=lambda: latency.measure(_python('rivals.naive_node', '--delay', delay_s),
                                      **settings))
    ours, naive = (median(found[name], 'latency_ms', 'p50') for name in ('ours', 'naive'))
    p99, allowed = median(found['ours'], 'latency_ms', 'p99'), 1e3 * (1 / hz + delay_s)
    return [Row('P6', 'frame age when inference is 10x too slow, p50', 'ms', ours, naive,
                'queue of ten', naive / ours, f'<= a period + inference = {allowed:.0f}',
                ours <= allowed, f'p99 {p99:.0f} ms')]


def transport(size: Size) -> list[Row]:
    """P7: VGA frames that arrive, best effort, with the shipped transport profile or none."""
    found = _in_turn(size.repeats, ours=lambda: _deliver(size.frames, True),
                     default=lambda: _deliver(size.frames, False))
    share = {name: median(runs, 'share') for name, runs in found.items()}
    delay = median(found['ours'], 'p50')
    return [Row('P7', 'VGA frames delivered', '%', 100 * share['ours'], 100 * share['default'],
                'default profile', share['ours'] / max(share['default'], 1e-3),
                '>= 99.9 %, <= 3 ms', share['ours'] >= 0.999 and delay <= 3,
                f'{delay:.1f} ms', {'median_ms': delay})]


def _deliver(frames: int, shipped: bool) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / 'note'
        subprocess.run(_python('frames', '--note', note, '--frames', frames,
                               *(() if shipped else ['--default-profile'])), check=True)
        delays = [float(line) for line in note.read_text().split()]
    return {'share': len(delays) / frames, 'p50': float(np.median(delays)) if delays else None}


def cpu(size: Size) -> list[Row]:
    """P8: the share of a core that the node uses."""
    settings = {'frames': max(size.frames, 60), 'hz': 30.0}
    found = _in_turn(
        size.repeats,
        ours=lambda: latency.measure(latency.node_command(CHECKPOINT, *NO_CAP), **settings),
        naive=lambda: latency.measure(_python('rivals.naive_node'), **settings))
    ours, naive = (100 * median(found[name], 'cpu') for name in ('ours', 'naive'))
    return [Row('P8', 'drive node, VGA at 30 Hz, of a core', '%', ours, naive, 'naive node',
                naive / ours, '<= 25', ours <= 25)]


def recording(size: Size) -> list[Row]:
    """P12: raw VGA at 30 Hz with commands, our recorder and a plain script."""
    found = _in_turn(1, ours=lambda: _record(size.record_s, True),
                     naive=lambda: _record(size.record_s, False))
    ours, naive = found['ours'][0], found['naive'][0]
    return [Row('P12', f'recording raw VGA at 30 Hz for {size.record_s:g} s, of a core', '%',
                100 * ours['cpu'], 100 * naive['cpu'], 'plain mcap script',
                naive['cpu'] / ours['cpu'], '<= 30, nothing dropped',
                100 * ours['cpu'] <= 30 and ours['written'] == ours['sent'],
                f'{ours["sent"] - ours["written"]} of {ours["sent"]} dropped',
                {'ours': ours, 'naive': naive})]


def _record(seconds: float, ours: bool) -> dict:
    """Publish for `seconds`; return the messages sent and written, and the share of a core."""
    from geometry_msgs.msg import Twist
    from mcap.reader import make_reader
    from support.ros_harness import graph, wait_for
    from std_srvs.srv import Trigger
    with tempfile.TemporaryDirectory(dir=ROOT / 'out') as folder, \
            graph(width=640, height=480) as g:
        recorder = g.start(
            '-m', 'mobile_vla_ros', 'record', '--ros-args', '-p', f'folder:={folder}', '-p',
            'instruction:=go', '-p', 'min_free_mb:=0.0') if ours else \
            g.start('-m', 'bench.speed.rivals.naive_recorder', Path(folder) / 'naive.mcap')
        commands = g.node.create_publisher(Twist, 'cmd_vel', 10)
        wait_for(lambda: g.images.get_subscription_count()
                 and commands.get_subscription_count() == 2, 20.0, 'a recorder that listens')
        if ours:
            assert g.call(Trigger, 'record/start').success
        time.sleep(0.5)
        g.rgb[:] = np.random.default_rng(0).integers(0, 256, g.rgb.shape, np.uint8)
        g.rgb[:400] //= 64  # no camera's picture is all noise
        cpu_s, began = latency.cpu_s(recorder.child.pid), time.monotonic()
        for number in range(round(30 * seconds)):
            g.frame()
            commands.publish(Twist())
            time.sleep(max(began + (number + 1) / 30 - time.monotonic(), 0.0))
        used = (latency.cpu_s(recorder.child.pid) - cpu_s) / (time.monotonic() - began)
        time.sleep(0.5)
        if ours:
            assert g.call(Trigger, 'record/keep').success
        recorder.send(signal.SIGINT)
        recorder.wait(20.0)
        with next(Path(folder).rglob('*.mcap')).open('rb') as file:
            written = sum(1 for _, channel, _ in make_reader(file).iter_messages()
                          if channel.topic.endswith(('image', 'cmd_vel')))
        return {'sent': 2 * len(g.sent), 'written': written, 'cpu': used}
