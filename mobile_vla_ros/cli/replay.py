"""Verb `replay`: let a policy answer recorded driving; compare it with what was driven."""

from argparse import Namespace
import os
from pathlib import Path
from typing import Any, TYPE_CHECKING

from mobile_vla_ros.cli import add_topics, judge, one_line_errors, Parser, save, topics_of
from mobile_vla_ros.environment import packages

if TYPE_CHECKING:
    from mobile_vla_ros.replay.log import ReplayLog
    from mobile_vla_ros.replay.page import Film

EXAMPLE = ("example: python -m mobile_vla_ros replay my_bag --html out/replay.html "
           "--instruction 'go left to the red bottle'")


def parser() -> Parser:
    """Return the verb's arguments."""
    p = Parser(prog='python -m mobile_vla_ros replay', description=__doc__, epilog=EXAMPLE)
    p.add_argument('bags', nargs='+', metavar='BAG', type=Path,
                   help='rosbag2 folder, .mcap, .db3 or ROS 1 .bag')
    p.add_argument('--checkpoint', action='append', help='.onnx or .safetensors; the shipped one '
                   'by default; several give a comparison')
    p.add_argument('--backend', default='auto', help='runtime of the policy')
    p.add_argument('--instruction', help='at the start, instead of those that were recorded')
    add_topics(p)
    p.add_argument('--rate', type=float, default=20.0, help='commands per second')
    p.add_argument('--processes', type=int, default=os.cpu_count() or 1,
                   help='bags replayed at once')
    p.add_argument('--json', type=Path, help='write every figure')
    p.add_argument('--html', type=Path, help='write a page with curves and the worst moments')
    p.add_argument('--video', type=Path,
                   help='write the frames with both commands drawn in; of one bag')
    p.add_argument('--fail-under', metavar='SPEC', type=Path,
                   help='YAML of limits; exit status 1 where one is broken')
    return p


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    """Replay the bags; print the headline and the scores."""
    args = parser().parse_args(argv)
    if not 1.0 <= args.rate <= 200.0:
        raise ValueError(f'--rate must be within 1..200 commands a second, got {args.rate:g}')
    if args.processes < 1:
        raise ValueError(f'--processes must be 1 or more, got {args.processes}')
    if args.video and (len(args.bags) > 1 or len(args.checkpoint or []) > 1):
        raise ValueError('--video takes one bag and one checkpoint, got '
                         f'{len(args.bags)} and {len(args.checkpoint or [None])}')
    packages.require(*packages.REPLAY, *(packages.FILM if args.video else ()))
    from mobile_vla_ros.replay.page import comparison, page
    from mobile_vla_ros.report.gate import read_spec
    spec = read_spec(args.fail_under) if args.fail_under else None
    scored = {name: _score(path, args) for name, path in _names(args.checkpoint).items()}
    summaries = {name: summary for name, (summary, _) in scored.items()}
    summary, logs = next(iter(scored.values()))
    is_comparison = len(scored) > 1
    film = _film(logs[0], args) if args.video else None
    if args.json:
        save(args.json, {'checkpoints': summaries} if is_comparison else summary)
    if args.html:
        save(args.html, comparison(summaries) if is_comparison else page(summary, logs, film))
    return max(judge(summary, spec) for summary in summaries.values())


def _names(checkpoints: list[str] | None) -> dict[str, str | None]:
    """Return {short name: path} of the checkpoints, without a name twice."""
    if not checkpoints:
        return {'shipped': None}
    stems = [Path(path).stem for path in checkpoints]
    named = stems if len(set(stems)) == len(stems) else checkpoints
    if len(set(named)) < len(named):
        raise ValueError(f'--checkpoint names one file twice: {", ".join(checkpoints)}')
    return dict(zip(named, checkpoints))


def _film(log: 'ReplayLog', args: Namespace) -> 'Film':
    """Write the video; return what the page needs of it."""
    from mobile_vla_ros.data.bags import Bag
    from mobile_vla_ros.replay import video
    from mobile_vla_ros.replay.page import Film
    with Bag(args.bags[0], **topics_of(args)) as bag:
        video.write(args.video, bag, log)
    print(args.video)
    address = os.path.relpath(args.video, args.html.parent if args.html else '.')
    return Film(args.video, address, video.frame_rate(log))


def _score(checkpoint: str | None,
           args: Namespace) -> tuple[dict[str, Any], 'list[ReplayLog]']:
    """Replay the bags with one checkpoint, print the scores, and return (summary, logs)."""
    from tqdm import tqdm
    from mobile_vla_ros.replay.batch import replay_bags
    from mobile_vla_ros.replay.metrics import summarise
    from mobile_vla_ros.replay.page import headline
    with tqdm(total=len(args.bags), unit='bag', disable=len(args.bags) == 1) as bar:
        policy, logs, seconds = replay_bags(
            args.bags, checkpoint, args.backend, args.processes, topics_of(args), bar.update,
            instruction=args.instruction, rate=args.rate)
    summary = summarise(logs, policy, seconds)
    if len(args.checkpoint or []) > 1:
        print(f'{checkpoint}:')
    print(headline(summary))
    for log in logs:
        for note in filter(None, (log.coverage, log.tally.words, log.tally.assumption,
                                  *log.reading.words())):
            print(f'  {log.name}: {note}')
    for name, score in summary['scores'].items():
        print(f'  {name:<12}MAE ' + ', '.join(
            f'{axis} {value:.4f}' for axis, value in zip(summary['axes'], score['mae'])))
    return summary, logs


if __name__ == '__main__':
    raise SystemExit(main())
