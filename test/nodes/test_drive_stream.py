"""The drive node on a steady stream: real pictures, the rate kept, and how long a frame takes."""

import itertools
import re
import sys
import tarfile
import time

import cv2
import numpy as np
import pytest

from mobile_vla_ros import messages

from support.ros_harness import graph, ROOT, SOAK, stalled
from support.stalls import short_of_cores, waited

TUB = ROOT.parent / 'shared' / 'data' / 'donkeycar_test_tub' / 'tub.tar.gz'
from bench.speed import latency  # noqa: E402, I100


def pictures():
    """Yield the pictures of a donkeycar's drive in order, RGB uint8 (120, 160, 3)."""
    with tarfile.open(TUB) as tub:
        members = {int(found[1]): member for member in tub.getmembers()
                   if (found := re.fullmatch(r'tub/images/(\d+)_cam_image_array_.jpg',
                                             member.name))}
        for _, member in sorted(members.items()):
            data = np.frombuffer(tub.extractfile(member).read(), np.uint8)
            yield cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


def drive_shipped(g):
    """Start the node as shipped, or with the test's policy while none ships."""
    if not (ROOT / 'checkpoints' / 'default.onnx').exists():
        return g.drive(armed=True, instruction='go left')
    return g.start('-c', 'import sys; from mobile_vla_ros.nodes.drive import main; '
                   'sys.exit(main(sys.argv[1:]))', '--ros-args', '-p', 'armed:=true', '-p',
                   'instruction:=go left around the box')


@pytest.mark.skipif(not TUB.exists(), reason=f'{TUB.name} of the donkeycar project is not here')
def test_a_recorded_drive_is_answered_at_20_hz_within_limits():
    with graph() as g:
        process = drive_shipped(g)
        due = start = time.monotonic()
        first = None
        for rgb in itertools.cycle(pictures()):
            g.images.publish(messages.to_image(rgb, time.time_ns(), 'camera'))
            if first is None and g.moving():
                first = time.monotonic()
            if first and time.monotonic() > first + (6.0 if SOAK == 1 else 60.0):
                break
            assert first or time.monotonic() < start + 20.0, ''.join(process.lines)
            due += 0.05
            time.sleep(max(due - time.monotonic(), 0.0))
        end = time.monotonic()
        commands = [(t, command) for t, command in g.received if first + 1.0 < t < end]
        values = np.array([command for _, command in commands])
        assert np.isfinite(values).all()
        assert (np.abs(values) <= (0.5, 0.5, 1.0)).all()
        assert np.abs(values).max() > 0.0
        times = np.array([t for t, _ in commands])
        steps = np.abs(np.diff(values[:, 0])) / np.maximum(np.diff(times), 0.02)
        assert np.quantile(steps, 0.95) <= 2.0 * 1.2  # m/s^2, braking, as times came over DDS
        assert np.diff(times).mean() == pytest.approx(0.05, rel=0.03 + stalled(first))
        assert process.child.poll() is None


@pytest.mark.alone
def test_a_frame_is_answered_in_milliseconds():
    """The middle one always; the slowest, and each one, where nobody else wants the cores."""
    def good(result, least=10.0):
        delays, mean = result['latency_ms'], result['period_ms']['mean']
        return delays['p50'] <= least and (result['short of cores'] or (
            delays['p99'] <= 3 * least and result['unanswered'] <= 2 and abs(mean - 50) < 1.5))
    results = []
    for _ in range(3):  # a shared machine may have a bad moment; the node may not
        since, then = time.monotonic(), waited()
        results.append(latency.measure(latency.node_command(), 150))
        results[-1]['short of cores'] = short_of_cores(since, then)
        if good(results[-1]):
            return
    echo = [sys.executable, '-m', 'bench.speed.rivals.echo_node']
    floor = latency.measure(echo, 150)['latency_ms']['p50']  # of a machine that is slow
    assert any(good(result, max(10.0, 2.5 * floor)) for result in results), (results, floor)


def test_summaries_match_each_command_to_its_frame():
    sent = [(0.0, 1), (0.05, 2), (0.10, 3)]
    received = [(0.01, 0), (0.02, 1), (0.11, 2), (0.12, 2)]
    result = latency.summarise(sent, received)
    assert result['unanswered'] == 1
    assert result['latency_ms']['max'] == pytest.approx(60.0)
    assert result['latency_ms']['p50'] == pytest.approx(40.0)
