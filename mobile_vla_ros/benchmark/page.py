"""The benchmark's result as one HTML page: rates, where they fall, and every path from above."""

from html import escape
from urllib.parse import quote

from mobile_vla_ros.benchmark.metrics import verdict
from mobile_vla_ros.benchmark.phrases import PhraseFile
from mobile_vla_ros.benchmark.rollout import task_of
from mobile_vla_ros.report.html import document
from mobile_vla_ros.sim.scenario import BASE_RADIUS, BOTTLE_RADIUS, STOP_WITHIN

NAMES = {'success': 'success', 'contact': 'contact', 'wrong_side': 'wrong side',
         'wrong_bottle': 'wrong bottle', 'not_finished': 'not finished'}
SHOWN = 24  # episodes that went well, of which more would say no more
STYLE = '''<style>.paths figure { width: 11rem; vertical-align: top; margin: .3rem }
.paths svg { width: 100%; background: #f1f3f5; border-radius: 4px }
.paths figcaption { max-width: 11rem; line-height: 1.3 }
th:first-child { min-width: 7rem }</style>'''


def page(result: dict, tasks: list, films: dict) -> str:
    """
    Return the page.

    :param result: what `--json` holds, with rows that carry their paths.
    :param tasks: (part, job, seed) of every row.
    :param films: seed -> address of its film.
    """
    rates, rows = result['rates'], result['rows']
    job = result['job']
    sha = (result['checkpoint_sha256'] or '')[:16]
    title = f'{rates["success"]["rate"]:.1%} of {len(rows)} episodes succeed'
    head = [STYLE, f'<h1>{title}</h1>',
            f'<p class="lead">95 % interval {_interval(rates["success"])}. Policy '
            f'{escape(job["policy"])}{f", checkpoint <code>{escape(sha)}</code>" if sha else ""}'
            f'{", suite " + escape(result["suite"]) if result["suite"] else ""}; '
            f'scenes of the {escape(result["split"])} split.</p>', _driving(result['driving'])]
    parts = [head, [_table('by part', result['parts'])] if len(result['parts']) > 1 else []]
    parts += [[_table(f'by {name}', groups)] for name, groups in result['by'].items()]
    cards = [(row, _card(row, part, own, seed, films.get(seed)))
             for row, (part, own, seed) in zip(rows, tasks) if 'path' in row]
    failed, good = ([card for row, card in cards if row['success'] is wanted]
                    for wanted in (False, True))
    parts.append([f'<h2>What failed ({len(failed)})</h2>',
                  _cards(failed) if failed else '<p>Nothing.</p>',
                  f'<h2>What went well ({len(good)}'
                 + f', {SHOWN} shown' * (len(good) > SHOWN) + ')</h2>',
                  _cards(good[:SHOWN])])
    return document(title, [text for part in parts for text in part])


def _interval(rate) -> str:
    return f'[{rate["low"]:.1%}, {rate["high"]:.1%}]'


def _driving(driving) -> str:
    if not driving:
        return ''
    return ('<p>Of the successful ones, median and quartiles: '
            + '; '.join(f'{escape(name)} {values["median"]:.2f} ({values["quarter"]:.2f} to '
                        f'{values["three quarters"]:.2f})'
                        for name, values in driving.items()) + '.</p>')


def _table(title, groups) -> str:
    head = ''.join(f'<th>{name}</th>' for name in ('', 'episodes', *NAMES.values()))
    body = []
    for name, rates in groups.items():
        cells = [f'<td>{rates["success"]["trials"]}</td>']
        for key in NAMES:
            shown = f'{rates[key]["rate"]:.1%}' if rates[key]['trials'] else ''
            if key == 'success':
                shown += f' <span class="note">{_interval(rates[key])}</span>'
            cells.append(f'<td>{shown}</td>')
        body.append(f'<tr><td>{escape(str(name))}</td>{"".join(cells)}</tr>')
    return f'<h2>{escape(title)}</h2><table><tr>{head}</tr>{"".join(body)}</table>'


def _cards(cards) -> str:
    return f'<div class="paths">{"".join(cards)}</div>'


def _card(row, part, job, seed, film) -> str:
    scenario, _ = task_of(seed, job, PhraseFile(job.phrases) if job.phrases else None)
    good = row['success']
    color = '#0b6e4f' if good else '#a61b00'
    told = [f'<b class="{"ok" if good else "bad"}">{escape(verdict(row))}</b>',
            escape(row['instruction']), f'<span class="note">{escape(part)}'
            + '; ' * bool(part) + f'seed {seed}</span>']
    if film:
        told.append(f'<a href="{escape(quote(film))}">film</a>')
    return (f'<figure>{_above(scenario, row["path"], color)}'
            f'<figcaption>{"<br>".join(told)}</figcaption></figure>')


def _above(scenario, path, color) -> str:
    """Return the scene as SVG, forward up and left at the left, a metre being 100 units."""
    def at(x, y):
        return f'{-100 * y:.0f},{-100 * x:.0f}'
    shapes = []
    for box in scenario.boxes:
        shapes.append(f'<rect x="{-100 * (box.y + box.half[1]):.0f}" '
                      f'y="{-100 * (box.x + box.half[0]):.0f}" width="{200 * box.half[1]:.0f}" '
                      f'height="{200 * box.half[0]:.0f}" fill="#9aa5b1"/>')
    for bottle in scenario.bottles:
        x, y = at(bottle.x, bottle.y).split(',')
        rgb = ','.join(str(round(255 * value)) for value in bottle.rgb)
        shapes.append(f'<circle cx="{x}" cy="{y}" r="{130 * BOTTLE_RADIUS:.0f}" '
                      f'fill="rgb({rgb})"/>')
        if bottle.color == scenario.color:
            shapes.append(f'<circle cx="{x}" cy="{y}" r="{100 * STOP_WITHIN:.0f}" fill="none" '
                          'stroke="#1f2933" stroke-dasharray="6 5" stroke-width="2"/>')
    points = ' '.join(at(*place) for place in path)
    x, y = at(*path[-1]).split(',')
    shapes.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="4"/>'
                  f'<circle cx="{x}" cy="{y}" r="{100 * BASE_RADIUS:.0f}" fill="{color}" '
                  'fill-opacity=".35"/>')
    return f'<svg viewBox="-140 -375 280 425" role="img">{"".join(shapes)}</svg>'
