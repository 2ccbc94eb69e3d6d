"""A replay as one HTML page that needs nothing else: scores, curves, the worst moments."""

from html import escape

import cv2
import matplotlib
import numpy as np

from mobile_vla_ros.contract import AXES, UNITS
from mobile_vla_ros.evaluate.html import document, figure_png, image
from mobile_vla_ros.evaluate.replay import BASELINES, Drive
from mobile_vla_ros.safety import Reason

matplotlib.use('Agg')
WORST = 6  # moments a recording
GAP_S = 0.5  # without a compared frame
RECORDED, PREDICTED, SENT = '#8b95a1', '#d55e00', '#0072b2'


def page(summary: dict, drives: list[Drive]) -> str:
    """Return the page of what `replay.summarise` gives of `drives`."""
    parts = [f'<h1>Replay of {len(drives)} recording{"s" * (len(drives) > 1)}</h1>',
             f'<p class="lead">{escape(headline(summary))}</p>', _scores(summary),
             _sensitivity(summary), _lag(summary)]
    for drive, row in zip(drives, summary['recordings']):
        stopped = ', '.join(f'{reason}: {count}' for reason, count in row['sent'].items()
                            if reason != Reason.DRIVING.text)
        parts += [
            f'<h2>{escape(drive.name)}</h2>',
            f'<p>“{escape(drive.instruction)}”, {drive.seconds:.1f} s, {drive.frames} frames, '
            f'{drive.unreadable} unreadable. Commands sent: {len(drive.sent)}, '
            f'{row["stopped_share"]:.1%} of them a STOP'
            + (f' ({escape(stopped)})' if stopped else '') + '.</p>',
            image(_curves(drive), 'png', 'commands over time'), '<h3>Worst moments</h3>',
            *_worst(drive)]
    timing = summary['timing']
    parts.append(f'<p class="note">Checkpoint {escape(summary["checkpoint_sha256"][:16])} '
                 f'({escape(summary["model"])}), trained on data '
                 f'{escape(str(summary["data_digest"])[:16])}. Policy: p50 '
                 f'{timing["policy_ms_p50"]} ms, p99 {timing["policy_ms_p99"]} ms.</p>')
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
        f'<ul>{told}</ul>', _scores({'scores': rows}), '<h2>Do they listen, are they late</h2>',
        '<table><tr><th></th><th>left and right exchanged</th><th>no words</th><th>late by</th>'
        '</tr>' + ''.join(
            f'<tr><td>{escape(name)}</td>' + ''.join(
                f'<td>{_change(summary["instruction_sensitivity"][kind])}</td>'
                for kind in ('swapped', 'blank')) + f'<td>{_seconds(summary["lag_s"])}</td></tr>'
            for name, summary in summaries.items()) + '</table>',
        '<p class="note">Change of the command where the words change, mean over frames: '
        f'{", ".join(f"{axis} ({unit})" for axis, unit in zip(AXES, UNITS))}. '
        + ' '.join(f'{escape(name)} is {escape(summary["checkpoint_sha256"][:16])} '
                   f'({escape(summary["model"])}).' for name, summary in summaries.items())
        + '</p>'])


def _change(values) -> str:
    return 'not asked' if values is None else ' / '.join(f'{value:.3f}' for value in values)


def _seconds(value) -> str:
    return 'not known' if value is None else f'{value:+.2f} s'


def _lag(summary) -> str:
    if summary['lag_s'] is None:
        return ''
    return (f'<p>The policy\'s commands fit the recorded ones best {_seconds(summary["lag_s"])} '
            'later; much more than 0 is a model that acts on old frames.</p>')


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
    names = {'mae': 'mean absolute error', 'direction': 'right direction', 'r2': 'R²'}
    head = ''.join(f'<th>{escape(axis)}</th>' for axis in AXES)
    out = []
    for key, name in names.items():
        rows = []
        for who, score in summary['scores'].items():
            cells = []
            for i, value in enumerate(score[key]):
                text = '' if value is None else f'{value:.1%}' if key == 'direction' \
                    else f'{value:.3f}'
                if key == 'mae' and 'mae_low' in score:
                    text += f' [{score["mae_low"][i]:.3f}, {score["mae_high"][i]:.3f}]'
                cells.append(f'<td>{text}</td>')
            what = f' <span class="note">{BASELINES[who]}</span>' if who in BASELINES else ''
            rows.append(f'<tr{"" if what else " class=best"}><td>{who}{what}</td>'
                        f'{"".join(cells)}</tr>')
        out.append(f'<table><tr><th>{name}</th>{head}</tr>{"".join(rows)}</table>')
    return ''.join(out)


def _sensitivity(summary) -> str:
    rows = []
    for name, words in (('swapped', 'left and right exchanged'), ('blank', 'no instruction')):
        values = summary['instruction_sensitivity'][name]
        cells = ''.join(f'<td>{value:.3f}</td>' for value in values) if values \
            else '<td colspan="3">the instruction names no side</td>'
        rows.append(f'<tr><td>{words}</td>{cells}</tr>')
    head = ''.join(f'<th>{axis} ({unit})</th>' for axis, unit in zip(AXES, UNITS))
    return ('<h2>Does it listen?</h2><p>How far the command moves, on average, when only the '
            'words change. Zeros mean that the instruction is ignored.</p>'
            f'<table><tr><th></th>{head}</tr>{"".join(rows)}</table>')


def _curves(drive: Drive) -> bytes:
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(len(AXES), 1, figsize=(9.6, 6), sharex=True, dpi=110)
    recorded, predicted = np.array(drive.recorded), np.array(drive.predicted)
    times = np.array(drive.seconds_at)
    gaps = np.flatnonzero(np.diff(times) > GAP_S) + 1  # a line over them would invent values
    times, recorded, predicted = (np.insert(values, gaps, np.nan, axis=0)
                                  for values in (times, recorded, predicted))
    sent = np.array([[t, *command] for t, command, _ in drive.sent])
    for i, ax in enumerate(axes):
        ax.plot(times, recorded[:, i], color=RECORDED, lw=2.2, label='recorded')
        ax.plot(times, predicted[:, i], color=PREDICTED, lw=1.0, label='policy')
        ax.plot(sent[:, 0], sent[:, 1 + i], color=SENT, lw=1.0, ls='--', label='sent, limited')
        ax.set_ylabel(f'{AXES[i]}\n({UNITS[i]})')
        ax.grid(color='#e3e7eb')
        for spine in ax.spines.values():
            spine.set_visible(False)
    axes[0].legend(ncol=3, frameon=False, loc='lower right', bbox_to_anchor=(1, 1))
    axes[-1].set_xlabel('seconds')
    figure.tight_layout()
    return figure_png(figure)


def _worst(drive: Drive):
    error = np.abs(np.subtract(drive.predicted, drive.recorded)).sum(1)
    shown = []
    for row in np.argsort(-error):
        if len(shown) == WORST:
            break
        if all(abs(drive.seconds_at[row] - drive.seconds_at[other]) > 1.0 for other in shown):
            shown.append(row)
    for row in sorted(shown):
        _, jpeg = cv2.imencode('.jpg', drive.pictures[row][..., ::-1])
        said, wanted = ([f'{value:+.2f}' for value in values[row]]
                        for values in (drive.predicted, drive.recorded))
        yield (f'<figure>{image(jpeg.tobytes(), "jpeg", "camera")}<figcaption>'
               f'{drive.seconds_at[row]:.1f} s<br>recorded {" ".join(wanted)}<br>'
               f'policy {" ".join(said)}</figcaption></figure>')
