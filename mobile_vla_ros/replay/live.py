"""A drive node that drove by a played bag, held against the same bag replayed here. No ROS."""

import json
from pathlib import Path

import numpy as np

from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.control.guard import Reason
from mobile_vla_ros.replay.log import Drive


class Live:
    """What a drive node said: a plan for each frame that it answered, and what it sent."""

    def __init__(self):
        """Begin with nothing."""
        self.plans = {}  # stamp ns -> (Command, ns of receipt)
        self.sent = []  # (ns, Command, Reason)

    def plan(self, stamp_ns: int, command: Command, now_ns: int) -> None:
        """Take a plan; a frame's first, made before the instruction changed, stays."""
        self.plans.setdefault(stamp_ns, (command, now_ns))

    def send(self, stamp_ns: int, command: Command, reason: Reason) -> None:
        """Take a command that was sent."""
        stopped = command == Command() and reason is not Reason.DRIVING
        self.sent.append((stamp_ns, command, reason if stopped else Reason.DRIVING))


def put(live: Live, played: dict, drive: Drive) -> dict:
    """
    Put what was said live into a replayed drive; return how well both agree.

    The policy looks back, so it is compared on the same frames: `drive` is the replay of those
    that the live node answered.

    :param played: what the play node says of itself.
    :raises ValueError: if no frame was answered.
    """
    shift_ns = played['shift_ns']
    said = [live.plans[stamp + shift_ns] for stamp in drive.stamps.tolist()]
    predicted = np.array([command for command, _ in said], float)  # (n, 3)
    largest = float(np.abs(predicted - drive.predicted).max())
    ages = np.array([now - stamp - shift_ns for (_, now), stamp
                     in zip(said, drive.stamps.tolist())]) / NS
    drive.replace(predicted)
    for ns, command, reason in live.sent:
        since_ns = (ns - played['began_ns']) * played['rate']
        if 0 <= since_ns <= drive.seconds * NS:
            drive.send(drive.zero_ns + round(since_ns), command, reason)
    return {'frames': drive.frames, 'planned': len(live.plans), 'compared': len(predicted),
            'largest_difference': largest,
            'answered_after_ms': {name: round(1e3 * float(np.percentile(ages, share)), 3)
                                  for name, share in (('p50', 50), ('p99', 99))}
            if played['stamps'] == 'shifted' and played['rate'] == 1.0 else None}


def report(live: Live, played: dict, checkpoint=None, backend: str = 'auto', json_path=None,
           html_path=None) -> str:
    """
    Write the report of a bag that was played and driven; return its headline.

    :raises ValueError: if nothing was driven, or the bag was played over and over.
    """
    if not live.plans:
        why = played.get('pictures') or 'its parameter publish_plan must be true, and its ' \
            'camera topic that of the played bag'
        raise ValueError(f'the drive node planned for no frame: {why}')
    from mobile_vla_ros.replay.batch import replay_bags
    from mobile_vla_ros.replay.metrics import summarise
    from mobile_vla_ros.replay.page import headline, page
    only = {stamp - played['shift_ns'] for stamp in live.plans}
    policy, (drive,), seconds = replay_bags(
        [played['bag']], checkpoint, backend,
        topics={kind: played[f'{kind}_topic'] for kind in ('image', 'command', 'instruction')},
        instruction=played['instruction'] or None, start_s=played['start'], only=only)
    online = put(live, played, drive)
    summary = {**summarise([drive], policy, seconds), 'online': online}
    for path, text in (
            (json_path, lambda: json.dumps(summary, ensure_ascii=False, indent=1)),
            (html_path, lambda: page(summary, [drive]))):
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text(), encoding='utf-8')
    pictures = f'; {drive.tally.words}' if drive.tally.unreadable else ''
    return (f'{headline(summary)} {online["planned"]} of {online["frames"]} frames answered'
            f'{pictures}; live and replayed differ by at most '
            f'{online["largest_difference"]:.1e}')
