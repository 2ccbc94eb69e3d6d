"""
The shipped policy behind a VGA camera for hours: the camera stalls every ten seconds.

    make soak HOURS=8

Writes OUT/soak.json: memory over time, every stall's time to the first zero, and zeros that had
no reason.
"""

import argparse
import itertools
import json
from pathlib import Path
import sys
import time

import numpy as np
import pytest

from bench.paths import ROOT
from bench.speed.latency import memory_mb
from mobile_vla_ros.contract import STOP
from support.ros_harness import graph, stalled, wait_for

CYCLE_S = 10.0
STALL_S = 0.320  # allowed from the last frame to the first zero
GROWTH_MB = 10.0
SETTLED = 0.1  # share of the time after which memory is counted
WORDS = ('go left around the box to the red bottle', '상자 오른쪽으로 지나서 파란 병으로 가',
         'pass the box on the right and stop at the green bottle')


def soak(seconds: float, say=print) -> dict:
    """Drive for `seconds`; return the figures, and whether every promise holds."""
    with graph(width=640, height=480) as g:
        node = g.start('-m', 'mobile_vla_ros', 'drive', '--ros-args', '--log-level', 'FATAL',
                       '-p', 'armed:=true', '-p', f'instruction:={WORDS[0]}')
        g.rgb[:] = np.random.default_rng(0).integers(0, 256, g.rgb.shape, np.uint8)
        g.stream()
        wait_for(g.moving, 30.0, 'a moving base')
        began, samples, cycles, broken = time.monotonic(), [], [], ''
        for words in itertools.cycle(WORDS):
            left = began + seconds - time.monotonic()
            if left <= 0:
                break
            try:
                cycles.append(_cycle(g, words, min(CYCLE_S, left)))
            except pytest.fail.Exception as failed:
                broken = str(failed)
                say(g)
                break
            samples.append((round(time.monotonic() - began, 1), memory_mb(node.child.pid)))
            say(f'{samples[-1][0]:8.0f} s  {samples[-1][1]:6.1f} MB  stopped after '
                f'{1e3 * cycles[-1][2]:.0f} ms  {sum(row[1] for row in cycles)} false stops')
    commands, false_stops, zeros_after = zip(*(cycles or [(0, 0, 0.0)]))
    settled = [mb for at, mb in samples if at >= SETTLED * seconds] or [0.0]
    growth = settled[-1] - settled[0]
    return {'seconds': seconds, 'commands': sum(commands), 'stalls': len(cycles),
            'worst_stall_s': max(zeros_after), 'false_stops': sum(false_stops),
            'memory_mb': samples, 'growth_mb': growth, 'broken': broken,
            'ok': not broken and growth <= GROWTH_MB and max(zeros_after) <= STALL_S
            and not sum(false_stops)}


def _cycle(g, words: str, seconds: float) -> tuple:
    """Drive, stall the camera, resume it; return (commands, false stops, s to the zero)."""
    at = time.monotonic()
    wait_for(lambda: time.monotonic() > at + seconds, seconds + 5, 'a cycle')
    driven = [command for t, command in list(g.received) if t > at]
    # A machine that stands still has reason to stop the base.
    false_stops = sum(command == STOP for command in driven) if stalled(at) < 0.05 else 0
    last = g.still()
    zero = wait_for(lambda: g.zero(last), 5.0, 'a zero')
    after = max(zero[0] - last - stalled(last), 0.0)
    for kept in (g.received, g.sent, g.history):  # this process must not grow either
        del kept[:]
    g.say(words)
    back = time.monotonic()
    g.stream()
    wait_for(lambda: g.moving(back), 5.0, 'moving again')
    return len(driven), false_stops, after


def main(argv=None) -> int:
    """Drive, write the figures; 1 if a promise is broken."""
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--hours', type=float, default=8.0)
    p.add_argument('--out', type=Path, default=ROOT / 'out' / 'soak' / 'soak.json')
    args = p.parse_args(argv)
    if not 0 < args.hours <= 1000:
        p.exit(2, f'error: --hours must be within 0..1000, got {args.hours:g}\n')
    result = soak(3600 * args.hours)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result) + '\n')
    print(f'{result["commands"]} commands, {result["stalls"]} stalls, worst '
          f'{1e3 * result["worst_stall_s"]:.0f} ms of {1e3 * STALL_S:.0f}, '
          f'{result["false_stops"]} false stops, memory grew by {result["growth_mb"]:.1f} MB'
          f'{", " + result["broken"] if result["broken"] else ""}: '
          f'{"as promised" if result["ok"] else "NOT as promised"}')
    return int(not result['ok'])


if __name__ == '__main__':
    sys.exit(main())
