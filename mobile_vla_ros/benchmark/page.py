"""The benchmark's result as one HTML page: a verdict, what failed, rates, every path."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from mobile_vla_ros.benchmark.metrics import verdict
from mobile_vla_ros.benchmark.rollout import Job, task_of
from mobile_vla_ros.contract import AXES, UNITS
from mobile_vla_ros.report import charts
from mobile_vla_ros.report.html import document, fold, link, table
from mobile_vla_ros.report.html import verdict as verdict_box
from mobile_vla_ros.report.words import counted
from mobile_vla_ros.sim.scenario import BASE_RADIUS, BOTTLE_RADIUS, Scenario, STOP_WITHIN

NAMES = {'success': 'success', 'contact': 'contact', 'wrong_side': 'wrong side',
         'wrong_bottle': 'wrong bottle', 'not_finished': 'not finished'}
GOOD, POOR = 0.9, 0.5  # success rates: at least, and below
SHOWN = 24  # successful episodes; more would say no more
MANY = 1000  # episodes, from which on a tenth of a percent means something
VIEW = (-140, -375, 280, 425)  # left, top, width and height of a scene, cm


def page(result: dict[str, Any], tasks: Sequence[tuple[str, Job, int]],
         films: dict[int, str]) -> str:
    """
    Return the page.

    :param result: what `--json` holds, with rows that carry their paths.
    :param tasks: (part, job, seed) of every row.
    :param films: seed -> address of its film.
    """
    rates = result['rates']
    level, sentence = _verdict(result)
    cards = [(row['success'], _card(row, part, job, seed, films.get(seed)))
             for row, (part, job, seed) in zip(result['rows'], tasks) if 'path' in row]
    failed, good = ([card for success, card in cards if success is wanted]
                    for wanted in (False, True))
    parts = [f'<h1>Benchmark of {escape(result["job"]["policy"])}</h1>',
             verdict_box(level, sentence, [escape(words) for words in _why(rates)]),
             f'<p class="note">{_about(result)}</p>',
             f'<h2>What failed ({len(failed)})</h2>',
             _cards(failed) if failed else '<p>Nothing.</p>',
             '<h2>Rates</h2><p class="note">A dot is a rate, the bar its 95 % interval: '
             'with so many episodes the true rate may be anywhere on it.</p>',
             _dots({name: rates[key] for key, name in NAMES.items()})]
    if len(result['parts']) > 1:
        parts += ['<h3>Success by part</h3>', _success(result['parts'])]
    parts += [f'<h2>What went well ({len(good)}{f", {SHOWN} shown" * (len(good) > SHOWN)})</h2>',
              _cards(good[:SHOWN]), _driving(result['driving']),
              '<h2>Success by kind of scene</h2>']
    groups = ({'part': result['parts']} if len(result['parts']) > 1 else {}) | result['by']
    parts += [f'<h3>By {escape(name)}</h3>{_success(found)}'
              + fold('All rates', _table(name, found)) for name, found in groups.items()]
    return document('benchmark', sentence, parts)


def _verdict(result: dict[str, Any]) -> tuple[str, str]:
    """Return ok, warn or bad, and in a sentence how often the policy succeeds."""
    rates = result['rates']
    if 'mae' in rates:
        errors = '; '.join(f'{axis} {ours:.2g} {unit}, a constant {constant:.2g}'
                           for axis, unit, ours, constant in zip(AXES, UNITS, rates['mae'],
                                                                 rates['constant_mae']))
        beats = sum(rates['mae']) < sum(rates['constant_mae'])
        return 'ok' if beats else 'bad', f'Asked while the expert drives, it errs by {errors}.'
    success = rates['success']
    if not success['trials']:
        return 'warn', 'No episode could be judged.'
    rate = success['rate']
    return ('ok' if rate >= GOOD else 'bad' if rate < POOR else 'warn',
            f'Reaches the right bottle on the right side in {success["hits"]} of '
            f'{counted(success["trials"], "episode")}: {_percent(success, "rate")} '
            f'(95 % interval {_percent(success, "low")} to {_percent(success, "high")}).')


def _why(rates: dict[str, Any]) -> list[str]:
    """Return how the failures are distributed, the most frequent first."""
    found = sorted(((rates[key]['hits'], name) for key, name in NAMES.items()
                    if key != 'success' and rates[key]['hits']), reverse=True)
    words = ', '.join(f'{name} {hits}' for hits, name in found)
    return [f'What went wrong, in episodes: {words}.'] if words else []


def _about(result: dict[str, Any]) -> str:
    sha = (result['checkpoint_sha256'] or '')[:16]
    suite = f'suite {escape(result["suite"])}; ' if result['suite'] else ''
    return (f'Policy: {escape(result["job"]["policy"])}'
            f'{f", checkpoint <code>{escape(sha)}</code>" if sha else ""}; {suite}'
            f'scenes of the {escape(result["split"])} split.')


def _percent(rate: dict[str, Any], key: str) -> str:
    return f'{100 * rate[key]:.{int(rate["trials"] >= MANY)}f}\u00a0%'


def _words(rate: dict[str, Any]) -> str:
    return (f'{_percent(rate, "rate")} ({_percent(rate, "low")} to {_percent(rate, "high")}), '
            f'{rate["hits"]} of {rate["trials"]}')


def _dots(rates: dict[str, Any]) -> str:
    return charts.rates((name, rate['rate'], rate['low'], rate['high'], _words(rate))
                        for name, rate in rates.items() if rate['trials'])


def _success(groups: dict[str, Any]) -> str:
    return _dots({str(name): rates['success'] for name, rates in groups.items()})


def _driving(driving: dict[str, Any]) -> str:
    if not driving:
        return ''
    rows = [[escape(name), f'{values["median"]:.2f}',
             f'{values["quarter"]:.2f} to {values["three quarters"]:.2f}']
            for name, values in driving.items()]
    return '<h3>How they drove</h3>' + table(['', 'median', 'half of them within'], rows)


def _table(name: str, groups: dict[str, Any]) -> str:
    def cell(rate: dict[str, Any]) -> str:
        return f'{_percent(rate, "rate")} <span class="note">[{_percent(rate, "low")}, ' \
            f'{_percent(rate, "high")}]</span>' if rate['trials'] else ''
    return table([escape(name), 'episodes', *NAMES.values()],
                 [[escape(str(value)), str(rates['success']['trials']),
                   *(cell(rates[key]) for key in NAMES)] for value, rates in groups.items()])


def _cards(cards: Iterable[str]) -> str:
    return f'<div class="cards paths">{"".join(cards)}</div>'


def _card(row: dict[str, Any], part: str, job: Job, seed: int, film: str | None) -> str:
    scenario, _ = task_of(seed, job)
    look = 'ok' if row['success'] else 'bad'
    lines = [f'<b class="{look}">{escape(verdict(row))}</b>', escape(row['instruction']),
             f'<span class="note">{f"{escape(part)}; " if part else ""}seed {seed}</span>']
    if film:
        lines.append(link(film, 'film'))
    return (f'<figure>{_above(scenario, row["path"], look)}'
            f'<figcaption>{"<br>".join(lines)}</figcaption></figure>')


def _above(scenario: Scenario, path: Sequence[tuple[float, float]], look: str) -> str:
    """Return the scene as SVG from above, in cm: forward is up, left at the left."""
    def at(x: float, y: float) -> tuple[str, str]:
        return f'{-100 * y:.0f}', f'{-100 * x:.0f}'
    shapes = []
    for box in scenario.boxes:
        left, top = at(box.x + box.half[0], box.y + box.half[1])
        shapes.append(f'<rect x="{left}" y="{top}" width="{200 * box.half[1]:.0f}" '
                      f'height="{200 * box.half[0]:.0f}" fill="#9aa5b1"/>')
    for bottle in scenario.bottles:
        x, y = at(bottle.x, bottle.y)
        rgb = ','.join(str(round(255 * value)) for value in bottle.rgb)
        shapes.append(f'<circle cx="{x}" cy="{y}" r="{130 * BOTTLE_RADIUS:.0f}" '
                      f'fill="rgb({rgb})"/>')
        if bottle.color == scenario.color:
            shapes.append(f'<circle cx="{x}" cy="{y}" r="{100 * STOP_WITHIN:.0f}" fill="none" '
                          'class="goal"/>')
    points = ' '.join(','.join(at(*place)) for place in path)
    x, y = at(*path[-1])
    shapes.append(f'<g class="{look}"><polyline points="{points}"/><circle cx="{x}" cy="{y}" '
                  f'r="{100 * BASE_RADIUS:.0f}"/></g>')
    return f'<svg viewBox="{" ".join(map(str, VIEW))}" role="img">{"".join(shapes)}</svg>'
