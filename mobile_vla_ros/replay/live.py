"""Compare a drive node that drove by a played bag with a replay of the same bag. No ROS here."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from mobile_vla_ros.contract import Command, NS
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.replay.log import ReplayLog


class LiveLog:
    """What a drive node published: a plan for each frame that it answered, and its commands."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.plans: dict[int, tuple[Command, int]] = {}  # stamp ns -> command, ns of receipt
        self.sent: list[tuple[int, Command, Reason]] = []  # ns, command, reason

    def add_plan(self, stamp_ns: int, command: Command, now_ns: int) -> None:
        """Keep a frame's first plan; a later one is made for a new instruction."""
        self.plans.setdefault(stamp_ns, (command, now_ns))

    def add_command(self, stamp_ns: int, command: Command, reason: Reason) -> None:
        """Keep a command that was sent."""
        stopped = command == Command() and reason is not Reason.DRIVING
        self.sent.append((stamp_ns, command, reason if stopped else Reason.DRIVING))


def put(live: LiveLog, played: dict[str, Any], log: ReplayLog) -> dict[str, Any]:
    """
    Put what was published live into the log of a replay; return how well both agree.

    The policy looks back, so both must have seen the same frames: `log` is the replay of those
    that the live node answered.

    :param played: the status of the play node.
    """
    shift_ns = played['shift_ns']
    plans = [live.plans[stamp + shift_ns] for stamp in log.stamps.tolist()]
    predicted = np.array([command for command, _ in plans], float)  # (n, 3)
    largest = float(np.abs(predicted - log.predicted).max())
    ages_s = np.array([now - stamp - shift_ns for (_, now), stamp
                       in zip(plans, log.stamps.tolist())]) / NS
    log.replace_predictions(predicted)
    for ns, command, reason in live.sent:
        since_ns = (ns - played['began_ns']) * played['rate']
        if 0 <= since_ns <= log.seconds * NS:
            log.add_command(log.zero_ns + round(since_ns), command, reason)
    return {'frames': log.frames, 'planned': len(live.plans), 'compared': len(predicted),
            'largest_difference': largest,
            'answered_after_ms': {name: round(1e3 * float(np.percentile(ages_s, share)), 3)
                                  for name, share in (('p50', 50), ('p99', 99))}
            if played['stamps'] == 'shifted' and played['rate'] == 1.0 else None}


def report(live: LiveLog, played: dict[str, Any], checkpoint: str | None = None,
           backend: str = 'auto', json_path: str | None = None,
           html_path: str | None = None) -> str:
    """
    Write the report of a bag that was played and driven; return its headline.

    :raises ValueError: if the drive node planned for no frame, or as `replay_bags` does.
    """
    if not live.plans:
        why = played.get('pictures') or 'its parameter publish_plan must be true, and its ' \
            'camera topic that of the played bag'
        raise ValueError(f'the drive node planned for no frame: {why}')
    from mobile_vla_ros.replay.batch import replay_bags
    from mobile_vla_ros.replay.metrics import summarise
    from mobile_vla_ros.replay.page import headline, page
    from mobile_vla_ros.report.html import write_page
    answered = {stamp - played['shift_ns'] for stamp in live.plans}
    policy, (log,), seconds = replay_bags(
        [Path(played['bag'])], checkpoint, backend,
        topics={kind: played[f'{kind}_topic'] for kind in ('image', 'command', 'instruction')},
        instruction=played['instruction'] or None, start_s=played['start'], only=answered)
    online = put(live, played, log)
    summary = {**summarise([log], policy, seconds), 'online': online}
    if json_path:
        _write(Path(json_path), json.dumps(summary, ensure_ascii=False, indent=1))
    if html_path:
        write_page(Path(html_path), page(summary, [log]))
    pictures = f'; {log.tally.words}' if log.tally.unreadable else ''
    return (f'{headline(summary)} {online["planned"]} of {online["frames"]} frames answered'
            f'{pictures}; live and replayed differ by at most '
            f'{online["largest_difference"]:.1e}')


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')
