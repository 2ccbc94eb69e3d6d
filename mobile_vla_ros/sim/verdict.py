"""How an episode of the simulated task ended, in words."""

from collections.abc import Iterator
from typing import Any

from mobile_vla_ros.sim.scenario import Scenario, SET_OFF, STOP_WITHIN


def verdict(scenario: Scenario, outcome: dict[str, Any]) -> str:
    """Return 'reached ...' or 'failed: ...' with every reason, of Outcome.as_dict()."""
    took = f'after {outcome["seconds"]:.1f} s'
    if outcome['success']:
        return (f'reached the {scenario.color} bottle {took}, passed on the {outcome["side"]}, '
                'nothing touched')
    return f'failed: {"; ".join(_reasons(scenario, outcome))}; {took}'


def _reasons(scenario: Scenario, outcome: dict[str, Any]) -> Iterator[str]:
    wanted, distance = scenario.color, f'{outcome["distance_m"]:.2f} m'
    if outcome['contacts']:
        yield f'touched {" and ".join(outcome["touched"])}'
    if outcome['side_ok'] is False:
        yield f'passed on the {outcome["side"]}, asked was {scenario.side}'
    if outcome['contacts']:
        return
    if not outcome['stopped']:
        yield f'out of time {distance} from the {wanted} bottle' if outcome['done'] else \
            f'not done {distance} from the {wanted} bottle'
    elif outcome['bottle'] and not outcome['bottle_ok']:
        yield f'stopped at the {outcome["bottle"]} bottle, asked was {wanted}'
    elif not outcome['bottle_ok']:
        yield (f'stopped {distance} from the {wanted} bottle, within {STOP_WITHIN} m is reached'
               if outcome['path_m'] > SET_OFF else 'never set off')
