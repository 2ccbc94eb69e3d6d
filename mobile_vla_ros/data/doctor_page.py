"""A checkup of recordings as one HTML page."""

from html import escape

import matplotlib

from mobile_vla_ros.contract import AXES, UNITS
from mobile_vla_ros.data.doctor import balance, Checkup, histograms
from mobile_vla_ros.report.html import document, figure_png, image

matplotlib.use('Agg')
WORDS = {'ok': 'good', 'warn': 'look', 'bad': 'bad'}


def page(checkups: list[Checkup], found: list[tuple[str, str, str]]) -> str:
    """Return the page of `verdicts(checkups)`."""
    good = [checkup for checkup in checkups if not checkup.refused]
    seconds = sum(checkup.seconds for checkup in good)
    parts = [f'<h1>Checkup of {len(checkups)} recordings</h1>',
             f'<p class="lead">{seconds / 60:.1f} minutes, '
             f'{sum(checkup.frames for checkup in good)} pictures.</p>', _verdicts(found)]
    if good:
        parts += ['<h2>What was driven</h2>', image(_histograms(good), 'png',
                                                    'histograms of the commands, by axis'),
                  _balance(good), '<h2>Each recording</h2>', _table(good)]
    return document('doctor', 'Checkup', parts)


def _verdicts(found) -> str:
    rows = ''.join(f'<tr><td class="{level}">{WORDS[level]}</td><td class="words">{escape(what)}'
                   f'</td><td class="words">{escape(remedy)}</td></tr>'
                   for level, what, remedy in found)
    return ('<table><tr><th></th><th class="words">what was found</th>'
            f'<th class="words">what to do</th></tr>{rows}</table>')


def _histograms(good) -> bytes:
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(1, len(AXES), figsize=(9.6, 2.8), dpi=110,
                                   layout='constrained')
    for ax, unit, (axis, bars) in zip(axes, UNITS, histograms(good).items()):
        ax.stairs(bars['counts'], bars['edges'], fill=True, color='#0072b2')
        ax.set_xlabel(f'{axis} ({unit})')
        ax.set_yticks([])
        ax.spines[['top', 'right', 'left']].set_visible(False)
    axes[0].set_ylabel('commands')
    return figure_png(figure)


def _balance(good) -> str:
    lines, found = [], balance(good)
    texts = sorted(found.pop('instructions').items(), key=lambda row: (-row[1], row[0]))
    for name, counts in found.items():
        told = ', '.join(f'{key} {count}' for key, count in sorted(counts.items()))
        if told or name in ('sides', 'colors'):  # labels are shown where there are any
            lines.append(f'<li>{escape(name)}: {escape(told or "no instruction")}</li>')
    shown = '; '.join(f'{text} {count}' for text, count in texts[:5])
    more = f' and {len(texts) - 5} more' if texts[5:] else ''
    lines.append(f'<li>instructions: {escape(shown)}{more}</li>')
    return f'<ul>{"".join(lines)}</ul>'


def _table(good) -> str:
    head = ('recording', 's', 'pictures/s', 'commands/s', 'lag ms', 'base follows after ms',
            'idle', 'gaps', 'repeated', 'unreadable', 'grey')
    rows = []
    for checkup in good:
        shown = checkup.as_dict()
        cells = (checkup.name, f'{checkup.seconds:.1f}', f'{checkup.frame_hz:.1f}',
                 f'{checkup.command_hz:.1f}', f'{1000 * checkup.lag_s:.0f}',
                 f'{1000 * checkup.delay_s:.0f}' if checkup.response else '',
                 f'{checkup.idle_share:.0%}', len(checkup.gaps), checkup.repeated,
                 checkup.tally.unreadable, shown['exposure'] or '')
        rows.append('<tr>' + ''.join(f'<td>{escape(str(cell))}</td>' for cell in cells) + '</tr>')
    return (f'<table class="dense"><tr>{"".join(f"<th>{name}</th>" for name in head)}</tr>'
            f'{"".join(rows)}</table>')
