"""
Verb `demo`: run the simulator and the drive node, give an instruction, and film the drive.

The latency in the summary is what the drive node measures: from the arrival of an image to the
publication of the command that was computed from it, over its last 200 frames.
"""

import json
from pathlib import Path
import signal
import sys
from typing import Any

from mobile_vla_ros.cli import one_line_errors, Parser
from mobile_vla_ros.contract import BACKENDS
from mobile_vla_ros.demo import run
from mobile_vla_ros.environment import packages
from mobile_vla_ros.sim.scenario import Scenario
from mobile_vla_ros.sim.seeds import split_of, TEST
from mobile_vla_ros.sim.verdict import verdict

EXAMPLE = ("example: python -m mobile_vla_ros demo --seed 2000007 "
           "--instruction 'go left to the red bottle'")
SEED = TEST.start + 7


def parser() -> Parser:
    """Return the verb's arguments."""
    p = Parser(prog='python -m mobile_vla_ros demo', epilog=EXAMPLE,
               description=__doc__.split('\n\n')[0])
    p.add_argument('--instruction', help='in English or Korean, with a side and a colour; '
                   'default: that of the scene')
    p.add_argument('--seed', type=int, default=SEED,
                   help=f'number of the scene; training saw none from {TEST.start} on')
    p.add_argument('--checkpoint', default='', help='policy file; the shipped one by default')
    p.add_argument('--backend', default='auto', choices=BACKENDS)
    p.add_argument('--out', type=Path, default=Path('out/demo'),
                   help='folder for demo.mp4, demo.png and summary.json')
    p.add_argument('--gif', type=Path, help='write a small animation too')
    return p


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    """Return 0 if the robot did its task, 1 if not."""
    args = parser().parse_args(argv)
    packages.require(*packages.FILM, *packages.SIMULATE)
    scenario = run.make_task(args.seed, args.instruction)
    from mobile_vla_ros.demo import film, picture
    from mobile_vla_ros.inference.policy import load_policy
    policy = load_policy(args.checkpoint or None, args.backend)  # a bad file shows here
    sha256, backend = policy.sha256, policy.backend
    del policy
    args.out.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing stays behind
    print(f'scene {args.seed}: {scenario.instruction}', flush=True)
    print('starting the simulator and the drive node ...', flush=True)
    try:
        trace, latency = run.run(scenario, args.checkpoint, args.backend)
    except (ChildProcessError, TimeoutError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    outcome = trace.outcome
    summary = {
        'success': outcome['success'], 'contacts': outcome['contacts'],
        'side_ok': outcome['side_ok'], 'seconds': round(outcome['seconds'], 2),
        'latency_ms_p50': latency[0], 'latency_ms_p99': latency[1],
        'instruction': scenario.instruction, 'seed': args.seed, 'checkpoint_sha256': sha256,
        'side': scenario.side, 'color': scenario.color, 'bottle': outcome['bottle'],
        'distance_m': round(outcome['distance_m'], 3), 'backend': backend,
        'split': split_of(args.seed), 'frames': len(trace.images),
    }
    (args.out / 'summary.json').write_text(
        json.dumps(summary, ensure_ascii=False, indent=1) + '\n', encoding='utf-8')
    print(summarise(scenario, outcome, latency), flush=True)
    film.write(trace, verdict(scenario, outcome), args.out / 'demo.mp4', args.gif)
    picture.write(trace, args.out / 'demo.png')
    print(f'film {args.out / "demo.mp4"}, picture {args.out / "demo.png"}, figures '
          f'{args.out / "summary.json"}' + (f', animation {args.gif}' if args.gif else ''))
    return 0 if outcome['success'] else 1


def summarise(scenario: Scenario, outcome: dict[str, Any],
              latency: tuple[float | None, float | None]) -> str:
    """Return the lines that sum up a run; latency is p50 and p99 in ms."""
    figures = 'not measured' if latency[0] is None else \
        f'p50 {latency[0]:.1f} ms, p99 {latency[1]:.1f} ms'
    side = outcome['side'] or 'not passed'
    return (f'{verdict(scenario, outcome)}\n'
            f'  time      {outcome["seconds"]:.1f} s\n'
            f'  contacts  {outcome["contacts"]}\n'
            f'  side      {side} (asked: {scenario.side})\n'
            f'  target    {scenario.color} bottle, {outcome["distance_m"]:.2f} m away\n'
            f'  latency   {figures} (image in to command out, drive node)')


if __name__ == '__main__':
    raise SystemExit(main())
