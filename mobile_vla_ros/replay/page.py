"""A replay as one HTML page that needs nothing else: scores, curves, the worst moments."""

from html import escape

import matplotlib
import numpy as np

from mobile_vla_ros.contract import AXES, UNITS
from mobile_vla_ros.replay.log import ReplayLog
from mobile_vla_ros.replay.metrics import CLOCKS_S
from mobile_vla_ros.replay.rewordings import NAMES, WHY_NOT
from mobile_vla_ros.report.html import document, figure_png, image

matplotlib.use('Agg')
BASELINES = {
    'zero': 'stands still',
    'mean': 'the best constant for these very recordings',
    'repeat-last': 'what the driver did a moment before',
}
LEAK = ('repeat-last is no rival: it is told what the driver was doing when the frame came, and '
        'drivers rarely change their mind between two frames. It leaks the answer, and without '
        'a driver it would never begin to move.')
STOPS_SHOWN = 20  # a recording
GAP_S = 0.5  # without a compared frame
RECORDED, PREDICTED, SENT = '#8b95a1', '#d55e00', '#0072b2'


def page(summary: dict, drives: list[ReplayLog]) -> str:
    """Return the page of what `replay.summarise` gives of `drives`."""
    parts = [f'<h1>Replay of {len(drives)} recording{"s" * (len(drives) > 1)}</h1>',
             f'<p class="lead">{escape(headline(summary))}</p>', _scores(summary),
             f'<p class="note">{LEAK}</p>', _sensitivity(summary), _online(summary),
             _lateness(summary, drives), _groups(summary, 'scenario'),
             _groups(summary, 'distance')]
    for drive, row in zip(drives, summary['recordings']):
        labels = [row[name] for name in ('scenario', 'distance') if row[name]]
        parts += [
            f'<h2>{escape(drive.name)}</h2>',
            f'<p>“{escape(drive.instruction)}”, {drive.seconds:.1f} s, {drive.frames} frames'
            + ''.join(f', {escape(text)}' for text in (
                drive.tally.words or '0 unreadable', drive.tally.assumption, *labels,
                drive.coverage, *drive.reading.words()) if text)
            + '.</p>',
            image(_curves(drive), 'png', 'commands over time'), _stops(row),
            '<h3>Worst moments</h3>', *_worst(drive)]
    timing = summary['timing']
    parts.append(f'<p class="note">Checkpoint {escape(summary["checkpoint_sha256"][:16])} '
                 f'({escape(summary["model"])}), trained on data '
                 f'{escape(str(summary["data_digest"])[:16])}. Replayed '
                 f'at {timing["times_real_time"]:.1f} times real time.</p>')
    return document('Replay', parts)


def comparison(summaries: dict[str, dict]) -> str:
    """Return the page that holds several checkpoints, by name, against each other."""
    first = next(iter(summaries.values()))
    count = len(first['recordings'])
    rows = {name: summary['scores']['policy'] for name, summary in summaries.items()}
    rows |= {name: first['scores'][name] for name in BASELINES}
    told = ''.join(f'<li><b>{escape(name)}</b>: {escape(headline(summary))}</li>'
                   for name, summary in summaries.items())
    return document('Replay', [
        f'<h1>{len(summaries)} checkpoints on {count} recording{"s" * (count > 1)}</h1>',
        f'<ul>{told}</ul>', _scores({'scores': rows}), f'<p class="note">{LEAK}</p>',
        '<h2>Do they listen, are they late</h2>',
        '<table><tr><th></th>' + ''.join(f'<th>{words}</th>' for words in NAMES.values())
        + '<th>late by</th></tr>' + ''.join(
            f'<tr><td>{escape(name)}</td>' + ''.join(
                f'<td>{_change(summary["instruction_sensitivity"][kind])}</td>'
                for kind in NAMES) + f'<td>{_seconds(summary["lag_s"])}</td></tr>'
            for name, summary in summaries.items()) + '</table>',
        '<p class="note">Change of the command where the words change, mean over frames: '
        f'{", ".join(f"{axis} ({unit})" for axis, unit in zip(AXES, UNITS))}. '
        + ' '.join(f'{escape(name)} is {escape(summary["checkpoint_sha256"][:16])} '
                   f'({escape(summary["model"])}).' for name, summary in summaries.items())
        + '</p>'])


def _change(values) -> str:
    return 'not asked' if values is None else ' / '.join(f'{value:.3f}' for value in values)


def _seconds(value) -> str:
    return 'not known' if value is None else f'{value:+.2f}\u00a0s'


def _lateness(summary, drives) -> str:
    timing, age = summary['timing'], summary['frame_age_ms']
    out = ['<h2>Is it in time?</h2>']
    if summary['lag_s'] is not None:
        out.append(f"<p>The policy's commands fit the recorded ones best "
                   f'{_seconds(summary["lag_s"])} later; much more than 0 is a model that acts on '
                   'old frames.</p>')
    if age is None:
        old = ('How old frames were when they came is not known: their stamps are those of '
               'receipt, or of another clock.')
    else:
        old = (f'Frames were {age["p50"]:.0f} ms old when they came (median; p99 '
               f'{age["p99"]:.0f} ms, at most {age["max"]:.0f} ms).')
    out.append(f'<p>{old} The policy takes {timing["policy_ms_p50"]} ms a frame on this computer '
               f'(median; p99 {timing["policy_ms_p99"]} ms).</p>')
    out.append(image(_ages(drives, age is not None), 'png', 'ages of frames and policy times'))
    return ''.join(out)


def _ages(drives, known: bool) -> bytes:
    from matplotlib import pyplot
    took = np.concatenate([d.took_ms for d in drives])
    rows = [('policy', took, PREDICTED)]
    if known:
        ages = 1e3 * np.concatenate([d.ages_s for d in drives])
        rows = [('frame, when it came', ages, RECORDED), *rows,
                ('both: frame, when it is answered', ages + took, SENT)]
    figure, axes = pyplot.subplots(1, len(rows), figsize=(3.2 * len(rows), 2.2), dpi=110,
                                   squeeze=False)
    for ax, (name, values, color) in zip(axes[0], rows):
        top = max(float(np.percentile(values, 99.5)) * 1.1, 1.0)
        top = min(top, 1e3 * CLOCKS_S)
        ax.hist(np.clip(values, 0.0, top), bins=40, range=(0.0, top), color=color)
        ax.set_title(name, fontsize=9)
        ax.set_xlabel('ms')
        ax.set_yticks([])
        for spine in ax.spines.values():
            spine.set_visible(False)
    figure.tight_layout()
    return figure_png(figure)


def _groups(summary, label) -> str:
    groups = summary[f'by_{label}']
    if not groups:
        return ''
    rows = ''.join(
        f'<tr><td>{escape(name)}</td><td>{group["recordings"]}</td><td>{group["frames"]}</td>'
        + ''.join(f'<td>{ours:.3f} <span class="note">({constant:.3f})</span></td>'
                  for ours, constant in zip(group['mae'], group['mae_mean'])) + '</tr>'
        for name, group in groups.items())
    head = ''.join(f'<th>{escape(axis)} ({unit})</th>' for axis, unit in zip(AXES, UNITS))
    return (f'<h2>By {label}</h2><table><tr><th>{label}</th><th>recordings</th><th>frames</th>'
            f'{head}</tr>{rows}</table><p class="note">Mean absolute error; in brackets that of '
            'the best constant for these recordings.</p>')


def _stops(row) -> str:
    stops = row['stops']
    words = f'<p>{row["stopped_share"]:.1%} of the commands sent are a STOP.</p>'
    if not stops:
        return words
    rows = ''.join(f'<tr><td>{stop["from_s"]:.2f} s</td><td>{stop["to_s"] - stop["from_s"]:.2f} s'
                   f'</td><td class="words">{escape(stop["reason"])}</td></tr>'
                   for stop in stops[:STOPS_SHOWN])
    more = len(stops) - STOPS_SHOWN
    return (f'{words}<table><tr><th>STOP at</th><th>for</th><th class="words">why</th></tr>{rows}'
            f'</table>' + (f'<p class="note">and {more} more, all in the JSON.</p>'
                           if more > 0 else ''))


def _online(summary) -> str:
    online = summary.get('online')
    if online is None:
        return ''
    after = online['answered_after_ms']
    late = (f' A plan was there {after["p50"]:.0f} ms after its frame\'s stamp (median; p99 '
            f'{after["p99"]:.0f} ms).') if after else ''
    return (f'<h2>Live</h2><p>Driven live: {online["planned"]} of {online["frames"]} frames were '
            f'answered, {online["compared"]} of them compared here. At equal stamps the live '
            'policy and the one replayed here differ by at most '
            f'{online["largest_difference"]:.1e}.{late}</p>')


def headline(summary: dict) -> str:
    """Return in a sentence whether the policy beats the better of two constants, zero and mean."""
    scores, out = summary['scores'], []
    for i, axis in enumerate(summary['axes']):
        ours = scores['policy']['mae'][i]
        constant = min(scores[name]['mae'][i] for name in ('zero', 'mean'))
        if constant < 0.005:
            out.append(f'{axis} hardly moves')
        else:
            word = 'beats' if round(ours, 3) < round(constant, 3) else 'does not beat'
            out.append(f'{axis} {word} a constant ({ours:.3f} against {constant:.3f})')
    return 'Mean absolute error: ' + '; '.join(out) + '.'


def _scores(summary) -> str:
    names = {'mae': 'mean absolute error', 'rmse': 'root mean square error',
             'direction': 'right direction', 'r2': 'R²'}
    head = ''.join(f'<th>{escape(axis)}</th>' for axis in AXES)
    out = []
    for key, name in names.items():
        rows = []
        for who, score in summary['scores'].items():
            cells = []
            for i, value in enumerate(score[key]):
                form = '.0%' if key == 'direction' else '.3f'
                text = '–' if value is None else f'{value:{form}}'
                if score.get(f'{key}_low', [None] * 3)[i] is not None:
                    low, high = (score[f'{key}_{end}'][i] for end in ('low', 'high'))
                    text += f' [{low:{form}},&nbsp;{high:{form}}]'
                cells.append(f'<td>{text}</td>')
            what = f' <span class="note">{BASELINES[who]}</span>' if who in BASELINES else ''
            rows.append(f'<tr{"" if what else " class=best"}><td>{escape(who)}{what}</td>'
                        f'{"".join(cells)}</tr>')
        out.append(f'<table><tr><th>{name}</th>{head}</tr>{"".join(rows)}</table>')
    return ''.join(out)


def _sensitivity(summary) -> str:
    rows = []
    for name, words in NAMES.items():
        values = summary['instruction_sensitivity'][name]
        said = {row['reworded'].get(name) for row in summary['recordings']} - {None, ''}
        example = f'<br><span class="note">“{escape(min(said))}”</span>' if said else ''
        cells = ''.join(f'<td>{value:.3f}</td>' for value in values) if values \
            else f'<td colspan="3">not asked: {WHY_NOT.get(name, "no frame")}</td>'
        rows.append(f'<tr><td>{words}{example}</td>{cells}</tr>')
    head = ''.join(f'<th>{axis} ({unit})</th>' for axis, unit in zip(AXES, UNITS))
    return ('<h2>Does it listen?</h2><p>How far the command moves, on average, when only the '
            'words change. With left and right exchanged or without words, zeros mean that the '
            'instruction is ignored; for the same task in other words they are what is wanted.'
            f'</p><table><tr><th></th>{head}</tr>{"".join(rows)}</table>')


def _curves(drive: ReplayLog) -> bytes:
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(len(AXES), 1, figsize=(9.6, 6), sharex=True, dpi=110)
    recorded, predicted, times = drive.recorded, drive.predicted, drive.seconds_at
    gaps = np.flatnonzero(np.diff(times) > GAP_S) + 1  # a line over them would invent values
    times, recorded, predicted = (np.insert(values, gaps, np.nan, axis=0)
                                  for values in (times, recorded, predicted))
    sent = drive.sent
    for i, ax in enumerate(axes):
        ax.plot(times, recorded[:, i], color=RECORDED, lw=2.2, label='recorded')
        ax.plot(sent[:, 0], sent[:, 1 + i], color=SENT, lw=1.0, ls='--', label='sent, limited')
        ax.plot(times, predicted[:, i], color=PREDICTED, lw=1.2, label='policy')
        for moment in drive.worst:
            ax.axvline(moment.seconds, color=RECORDED, lw=0.8, ls=':', zorder=0)
        ax.set_ylabel(f'{AXES[i]}\n({UNITS[i]})')
        ax.grid(color='#e3e7eb')
        for spine in ax.spines.values():
            spine.set_visible(False)
    for number, moment in enumerate(drive.worst, 1):
        axes[0].annotate(str(number), (moment.seconds, 1.0), xycoords=(
            'data', 'axes fraction'), ha='center', va='bottom', fontsize=8, color=RECORDED)
    axes[0].legend(ncol=3, frameon=False, loc='lower right', bbox_to_anchor=(1, 1.08))
    axes[-1].set_xlabel('seconds')
    figure.tight_layout()
    return figure_png(figure)


def _worst(drive: ReplayLog):
    for number, moment in enumerate(drive.worst, 1):
        said, wanted = ([f'{value:+.2f}' for value in values]
                        for values in (moment.predicted, moment.recorded))
        yield (f'<figure>{image(moment.picture, "jpeg", "camera")}<figcaption>'
               f'<b>{number}</b> at {moment.seconds:.1f} s<br>recorded<br>{" ".join(wanted)}<br>'
               f'policy<br>{" ".join(said)}</figcaption></figure>')
