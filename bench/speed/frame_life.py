"""
One frame's life, from its publication to the command that answers it: where each 0.1 ms goes.

    python -m bench.speed.frame_life [--frames N]

Writes docs/performance.md's second table and OUT/frame_life.json.
"""

import argparse
import json
from pathlib import Path
import sys
import tempfile
import time

import numpy as np

from bench.pages import put
from bench.paths import ROOT
from bench.speed import latency
from bench.speed.ros_rows import CHECKPOINT, NO_CAP

STAGES = (  # from the mark before to this one
    ('came', 'publication, transport, deserialisation into Python, the executor'),
    ('woken', 'checks of the stamp, waking the inference thread'),
    ('decoded', 'message to pixels'),
    ('shrunk', 'picture check, resizing to the network'),
    ('inferred', 'inference'),
    ('published', 'checks of the plan, limits, and the command to DDS'),
    ('received', "transport, the receiver's executor"))


def serve(note: str, ros_args) -> int:
    """Run the drive node, and record when each frame passes each place."""
    from mobile_vla_ros import messages
    from mobile_vla_ros.control import pilot
    from mobile_vla_ros.inference import backends, policy
    from mobile_vla_ros.nodes import drive
    marks = []

    def mark(owner, name, stage, after):
        call = getattr(owner, name)

        def marked(*args, **kwargs):
            if not after:
                marks.append((stage, time.monotonic()))
            result = call(*args, **kwargs)
            if after:
                marks.append((stage, time.monotonic()))
            return result
        setattr(owner, name, marked)
    mark(drive.DriveNode, '_on_image', 'came', False)
    mark(pilot.Pilot, '_infer', 'woken', False)
    mark(messages, 'image_to_rgb', 'decoded', True)
    mark(policy, 'preprocess', 'shrunk', True)
    mark(backends.OnnxRuntime, '__call__', 'inferred', True)
    mark(drive.DriveNode, '_publish', 'published', True)
    try:
        return latency.serve(CHECKPOINT, 0.0, ros_args)
    finally:
        Path(note).write_text(json.dumps(marks))


def stages(sent, received, marks) -> dict[str, list[float]]:
    """Return every stage's times in ms, over the frames that passed all of them."""
    out = {name: [] for name, _ in STAGES}
    names = [name for name, _ in STAGES[:-1]]
    for (at, code), (after, _) in zip(sent, sent[1:]):
        mine = {}
        for name, when in marks:
            if at < when < after:
                mine.setdefault(name, when)
        answer = next((t for t, answered in received if at < t < after and answered == code),
                      None)
        times = [at, *(mine.get(name) for name in names), answer]
        if None in times or times != sorted(times):
            continue
        for (name, _), took in zip(STAGES, np.diff(times)):
            out[name].append(1e3 * took)
    return out


def table(found) -> str:
    """Return the stages as Markdown."""
    lines = ['| stage | median, ms | 90 % below | share |', '|---|---|---|---|']
    total = sum(np.median(times) for times in found.values())
    for name, words in STAGES:
        median, high = np.median(found[name]), np.percentile(found[name], 90)
        lines.append(f'| {words} | {median:.2f} | {high:.2f} | {median / total:.0%} |')
    whole = np.sum(list(found.values()), axis=0)
    lines.append(f'| **all, {len(whole)} frames** | {np.median(whole):.2f} | '
                 f'{np.percentile(whole, 90):.2f} | |')
    return '\n'.join(lines)


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--frames', type=int, default=400)
    parser.add_argument('--serve', help=argparse.SUPPRESS)
    args, rest = parser.parse_known_args()
    if args.serve:
        return serve(args.serve, rest)
    with tempfile.TemporaryDirectory() as folder:
        note = str(Path(folder) / 'marks.json')
        command = latency.node_command('', *NO_CAP)
        start = command.index('--ros-args')
        sent, received, _ = latency.observe(
            [sys.executable, '-m', 'bench.speed.frame_life', '--serve', note, *command[start:]],
            args.frames)
        found = stages(sent, received, json.loads(Path(note).read_text()))
    out = ROOT / 'out' / 'bench' / 'frame_life.json'
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found))
    put(ROOT / 'docs' / 'performance.md', 'life', table(found))
    print(table(found))
    return 0


if __name__ == '__main__':
    sys.exit(main())
