"""The tables of a replay's page."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from mobile_vla_ros.contract import AXES
from mobile_vla_ros.replay.log import ReplayLog
from mobile_vla_ros.replay.metrics import CLOCKS_S
from mobile_vla_ros.replay.rewordings import NAMES, WHY_NOT
from mobile_vla_ros.report import charts
from mobile_vla_ros.report.html import fold, table
from mobile_vla_ros.report.words import axis_heads

BASELINES = {
    'zero': 'stands still',
    'mean': 'is the best constant for these very recordings',
    'repeat-last': 'does what the driver did a moment before',
}
LEGEND = ' '.join(f'{name} {words}.' for name, words in BASELINES.items())
LEAK = ('Do not compare with repeat-last. It knows what the driver did when the frame came, and '
        'drivers rarely change their mind between two frames. Without a driver it would never '
        'begin to move.')
MEASURES = {'mae': 'mean absolute error', 'direction': 'right direction',
            'rmse': 'root mean square error', 'r2': 'R²'}
OPEN = 2  # measures; the others are folded away
STOPS_SHOWN = 20  # of a recording
BINS = 40
UNKNOWN = '–'


def scores(rows: dict[str, dict[str, Any]]) -> str:
    """Return the errors of policies and baselines by name."""
    tables = [_measure(key, name, rows) for key, name in MEASURES.items()]
    return (f'<h2 id="errors">Errors</h2>{"".join(tables[:OPEN])}'
            f'<p class="note">{LEGEND} {LEAK}</p>'
            + fold('Root mean square error and R²', ''.join(tables[OPEN:])))


def _measure(key: str, name: str, rows: dict[str, dict[str, Any]]) -> str:
    form = '.0%' if key == 'direction' else '.2f' if key == 'r2' else '.3f'

    def cell(score: dict[str, Any], axis: int) -> str:
        value = score[key][axis]
        text = UNKNOWN if value is None else f'{value:{form}}'
        low, high = (score.get(f'{key}_{end}', [None] * len(AXES))[axis]
                     for end in ('low', 'high'))
        return text if low is None else \
            f'{text} <span class="note">[{low:{form}},&nbsp;{high:{form}}]</span>'
    body = [[escape(who), *(cell(score, axis) for axis in range(len(AXES)))]
            for who, score in rows.items()]
    return table([name, *axis_heads(units=key in ('mae', 'rmse'))], body,
                 best=0 if 'policy' in rows else None)


def sensitivity(summary: dict[str, Any]) -> str:
    """Return how far the command moves when only the words change."""
    rows = []
    for kind, words in NAMES.items():
        moved = summary['instruction_sensitivity'][kind]
        texts = {row['reworded'].get(kind) for row in summary['recordings']} - {None, ''}
        example = f'<br><span class="note">“{escape(min(texts))}”</span>' if texts else ''
        why = f'<span class="note">not asked: {WHY_NOT.get(kind, "no frame")}</span>'
        rows.append([words + example, *(f'{value:.3f}' for value in moved)] if moved
                    else [words, why])
    return ('<h2 id="listening">Does it listen?</h2><p>How far the command moves, on average, '
            'when only the words change. With left and right exchanged, or without words, it '
            'should move: zeros mean that the instruction is ignored. For the same task in other '
            f'words it should not.</p>{table(["", *axis_heads()], rows)}')


def listening(summaries: dict[str, dict[str, Any]]) -> str:
    """Return the same for several checkpoints, and how late their commands are."""
    rows = [[escape(name), *(change(summary['instruction_sensitivity'][kind]) for kind in NAMES),
             seconds(summary['lag_s'])] for name, summary in summaries.items()]
    return ('<h2>Do they listen, are they late?</h2>'
            + table(['', *NAMES.values(), 'late by'], rows)
            + '<p class="note">How far the command moves when only the words change, on average: '
            + ' / '.join(axis_heads()) + '.</p>')


def change(moved: Iterable[float] | None) -> str:
    """Return by how much a command moves, axis by axis."""
    return 'not asked' if moved is None else ' / '.join(f'{value:.3f}' for value in moved)


def seconds(value: float | None) -> str:
    """Return a lag, or that it is not known."""
    return 'not known' if value is None else f'{value:+.2f}\u00a0s'.replace('-', '\u2212')


def timing(summary: dict[str, Any], logs: Sequence[ReplayLog]) -> str:
    """Return how late the commands are, how old the frames were and how fast the policy is."""
    took, age = summary['timing'], summary['frame_age_ms']
    out = ['<h2 id="time">Is it in time?</h2>']
    if summary['lag_s'] is not None:
        out.append("<p>The policy's commands fit the driver's best when shifted by "
                   f'{seconds(summary["lag_s"])}. Much more than 0 means that it acts on old '
                   'frames.</p>')
    if age is None:
        out.append('<p>How old frames were when they came is not known: their stamps are those '
                   'of receipt, or of another clock.</p>')
    else:
        out.append(f'<p>Frames were {age["p50"]:.0f} ms old when they came (median; 99 % within '
                   f'{age["p99"]:.0f} ms; at most {age["max"]:.0f} ms).</p>')
    out.append(f'<p>The policy takes {took["policy_ms_p50"]:.1f} ms a frame on this computer '
               f'(median; 99 % within {took["policy_ms_p99"]:.1f} ms).</p>')
    return ''.join(out) + _ages(logs, age is not None)


def _ages(logs: Sequence[ReplayLog], known: bool) -> str:
    took = np.concatenate([log.took_ms for log in logs])
    rows = [('time of the policy (ms)', took, 'policy')]
    if known:
        ages = 1e3 * np.concatenate([log.ages_s for log in logs])
        rows = [('age of frames when they come (ms)', ages, 'driver'), *rows,
                ('age of frames when they are answered (ms)', ages + took, 'sent')]
    shown = []
    for title, values, look in rows:
        top = min(max(float(np.percentile(values, 99.5)) * 1.1, 1.0), 1e3 * CLOCKS_S)
        counts, edges = np.histogram(np.clip(values, 0.0, top), BINS, (0.0, top))
        shown.append(charts.histogram(title, counts.tolist(), edges.tolist(), look))
    return f'<div class="cards wide">{"".join(shown)}</div>'


def groups(summary: dict[str, Any], label: str) -> str:
    """Return the errors by scenario or distance, '' where no recording has such a label."""
    found = summary[f'by_{label}']
    if not found:
        return ''
    rows = [[escape(name), str(group['recordings']), str(group['frames']),
             *(f'{ours:.3f} <span class="note">({constant:.3f})</span>'
               for ours, constant in zip(group['mae'], group['mae_mean']))]
            for name, group in found.items()]
    return (f'<h2>By {label}</h2>'
            + table([label, 'recordings', 'frames', *axis_heads()], rows)
            + '<p class="note">Mean absolute error; in brackets that of the best constant for '
            'these recordings.</p>')


def stops(row: dict[str, Any]) -> str:
    """Return when a recording's replay would have stopped, and why."""
    found = row['stops']
    if not row['sent']:
        return '<p class="note">No command was sent.</p>'
    words = f'{row["stopped_share"]:.0%} of the commands sent are a STOP'
    if not found:
        return f'<p class="note">{words}.</p>'
    body = [[f'{stop["from_s"]:.1f} s', f'{stop["to_s"] - stop["from_s"]:.2f} s',
             escape(stop['reason'])] for stop in found[:STOPS_SHOWN]]
    more = len(found) - STOPS_SHOWN
    return fold(words, table(['at', 'for', 'why'], body)
                + (f'<p class="note">and {more} more, all in the JSON.</p>' if more > 0 else ''))
