"""Verb `replay`: recorded driving through the deployed pipeline, beside trivial baselines."""

import json
from pathlib import Path

from mobile_vla_ros.cli import judge, one_line_errors, Parser

EXAMPLE = ("example: python -m mobile_vla_ros replay my_bag --html out/replay.html "
           "--instruction 'go left to the red bottle'")


def parser() -> Parser:
    """Return the verb's arguments."""
    p = Parser(prog='python -m mobile_vla_ros replay', description=__doc__, epilog=EXAMPLE)
    p.add_argument('bags', nargs='+', metavar='BAG', type=Path,
                   help='rosbag2 folder, .mcap, .db3 or ROS 1 .bag')
    p.add_argument('--checkpoint', help='.onnx or .safetensors; the shipped one by default')
    p.add_argument('--backend', default='auto')
    p.add_argument('--instruction', help='said at the start, instead of what was recorded')
    for kind in ('image', 'command', 'instruction'):
        p.add_argument(f'--{kind}-topic', help='where a bag has several')
    p.add_argument('--rate', type=float, default=20.0, help='commands per second')
    p.add_argument('--json', type=Path, help='write every figure')
    p.add_argument('--html', type=Path, help='write a page with curves and the worst moments')
    p.add_argument('--fail-under', metavar='SPEC', type=Path,
                   help='YAML of limits; exit status 1 where one is broken')
    return p


@one_line_errors
def main(argv=None) -> int:
    """Replay the bags; print the headline and the scores."""
    args = parser().parse_args(argv)
    if not 1.0 <= args.rate <= 200.0:
        raise ValueError(f'--rate must be within 1..200 commands a second, got {args.rate:g}')
    from tqdm import tqdm
    from mobile_vla_ros.evaluate.gate import read_spec
    from mobile_vla_ros.data.bags import Bag
    from mobile_vla_ros.evaluate.replay import replay, summarise
    from mobile_vla_ros.evaluate.replay_page import headline, page
    from mobile_vla_ros.policy import load_policy
    spec = read_spec(args.fail_under) if args.fail_under else None
    policy = load_policy(args.checkpoint, args.backend)
    drives = []
    for path in tqdm(args.bags, unit='bag', disable=len(args.bags) == 1):
        with Bag(path, image=args.image_topic, command=args.command_topic,
                 instruction=args.instruction_topic) as bag:
            drives.append(replay(bag, policy, args.instruction, rate=args.rate))
    summary = summarise(drives, policy)
    print(headline(summary))
    for name, score in summary['scores'].items():
        print(f'  {name:<12}MAE ' + ', '.join(
            f'{axis} {value:.4f}' for axis, value in zip(summary['axes'], score['mae'])))
    for path, text in ((args.json, lambda: json.dumps(summary, ensure_ascii=False, indent=1)),
                       (args.html, lambda: page(summary, drives))):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text(), encoding='utf-8')
            print(path)
    return judge(summary, spec)


if __name__ == '__main__':
    raise SystemExit(main())
