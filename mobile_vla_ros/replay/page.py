"""A replay as one HTML page: a verdict, curves and worst moments, then tables."""

import base64
from collections.abc import Sequence
from html import escape
import json
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np

from mobile_vla_ros.contract import AXES, UNITS
from mobile_vla_ros.replay import tables
from mobile_vla_ros.replay.log import ERROR, Moment, ReplayLog
from mobile_vla_ros.replay.verdict import (constant_error, errors, headline, Judgement, ratios,
                                           remarks, verdict)
from mobile_vla_ros.report import charts
from mobile_vla_ros.report.html import document, fold, image, table
from mobile_vla_ros.report.html import verdict as verdict_box
from mobile_vla_ros.report.words import counted, MOTIONS

GAP_S = 0.5  # without a compared frame: a line over it would invent values
UNFOLDED = 8  # recordings; the others are folded away
EMBEDDED = 30_000_000  # bytes of a video, beyond which it stays beside the page
LEGEND = ('<div class="legend"><span><i class="driver"></i>driver</span>'
          '<span><i class="policy"></i>policy</span>'
          '<span><i class="sent dashed"></i>sent, after the limits</span>'
          '<span><i class="band"></i>STOP</span></div>')


class Film(NamedTuple):
    """The video of a recording, and where it is from the page."""

    path: Path
    address: str
    rate_hz: float


def page(summary: dict[str, Any], logs: Sequence[ReplayLog], film: Film | None = None) -> str:
    """
    Return the page of what `summarise` makes of `logs`.

    :param film: the video of the only recording.
    """
    level, sentence = verdict(summary)
    notes = remarks(summary)
    title = f'Replay of {logs[0].name}' if len(logs) == 1 else f'Replay of {len(logs)} recordings'
    parts = [f'<h1>{escape(title)}</h1>', verdict_box(_worst_of(level, notes), sentence,
                                              [_remark(note) for note in notes]),
             '<p class="note">Skip to <a href="#errors">errors</a>, '
             '<a href="#listening">does it listen</a>, <a href="#time">is it in time</a>.</p>',
             _online(summary)]
    for number, (log, row) in enumerate(zip(logs, summary['recordings']), 1):
        content = _recording(number, log, row, film)
        parts.append(f'<h2 id="r{number}">{escape(log.name)}</h2>{content}' if number <= UNFOLDED
                     else fold(log.name, content))
    took = summary['timing']
    parts += [tables.scores(summary['scores']), tables.sensitivity(summary),
              tables.timing(summary, logs), tables.groups(summary, 'scenario'),
              tables.groups(summary, 'distance'),
              f'<p class="note">Checkpoint {escape(summary["checkpoint_sha256"][:16])} '
              f'({escape(summary["model"])}), trained on data '
              f'{escape(str(summary["data_digest"])[:16])}. Replayed at '
              f'{took["times_real_time"]:.1f} times real time.</p>']
    return document('replay', title, parts, 'slider.js' if film else '')


def comparison(summaries: dict[str, dict[str, Any]]) -> str:
    """Return the page that holds several checkpoints, by name, against each other."""
    first = next(iter(summaries.values()))
    title = f'{len(summaries)} checkpoints on {counted(len(first["recordings"]), "recording")}'
    means = {name: float(np.mean([*ratios(summary).values()] or [1.0]))
             for name, summary in summaries.items()}
    best = min(means, key=lambda name: means[name])
    level, _ = verdict(summaries[best])
    rows = {name: summary['scores']['policy'] for name, summary in summaries.items()}
    rows |= {name: first['scores'][name] for name in tables.BASELINES}
    drawn = [charts.bars(f'{MOTIONS[axis]}: mean absolute error ({unit})', [
        *((name, 'policy', summary['scores']['policy']['mae'][i])
          for name, summary in summaries.items()),
        ('best constant', 'driver', constant_error(first['scores'], i))], unit)
        for i, (axis, unit) in enumerate(zip(AXES, UNITS))]
    return document('replay', title, [
        f'<h1>{title}</h1>',
        verdict_box(level, f'{best} is nearest to the driver: {errors(summaries[best])}.'),
        *drawn, *(f'<p class="note"><b>{escape(name)}</b>: {escape(headline(summary))}</p>'
                  for name, summary in summaries.items()),
        tables.scores(rows), tables.listening(summaries),
        '<p class="note">' + ' '.join(
            f'{escape(name)} is {escape(summary["checkpoint_sha256"][:16])} '
            f'({escape(summary["model"])}).' for name, summary in summaries.items()) + '</p>'])


def _worst_of(level: str, notes: Sequence[Judgement]) -> str:
    levels = ('ok', 'warn', 'bad')
    return max((level, *(found for found, _ in notes)), key=levels.index)


def _remark(note: Judgement) -> str:
    level, words = note
    return f'<span class="{level}">{"✓" if level == "ok" else "!"}</span> {escape(words)}'


def _online(summary: dict[str, Any]) -> str:
    online = summary.get('online')
    if online is None:
        return ''
    after = online['answered_after_ms']
    late = (f' A plan was there {after["p50"]:.0f} ms after the stamp of its frame (median; 99 % '
            f'within {after["p99"]:.0f} ms).') if after else ''
    largest = online['largest_difference']
    agree = f'differ by at most {largest:.1e} m/s or rad/s' if largest else 'are equal'
    return (f'<h2>Live</h2><p>Driven live: {online["planned"]} of {online["frames"]} frames were '
            f'answered, {online["compared"]} of them are compared here. At equal stamps the '
            f'commands of the live policy and of the one replayed here {agree}.{late}</p>')


def _recording(number: int, log: ReplayLog, row: dict[str, Any], film: Film | None) -> str:
    labels = [row[label] for label in ('scenario', 'distance') if row[label]]
    facts = [f'{log.seconds:.1f} s', log.coverage, log.tally.words, log.tally.assumption, *labels,
             *log.reading.words()]
    drawn = f'<div class="curves">{LEGEND}{_curves(number, log)}</div>'
    if film:
        drawn = f'<div class="watch">{_film(film, log)}{drawn}</div>'
    return (f'<p>“{escape(log.instruction)}”</p>'
            f'<p class="note">{"; ".join(escape(fact) for fact in facts if fact)}.</p>{drawn}'
            + _worst(number, log) + tables.stops(row))


def _length_s(log: ReplayLog) -> float:
    return max(log.seconds, float(log.seconds_at[-1]))


def _curves(number: int, log: ReplayLog) -> str:
    times, sent = log.seconds_at, log.sent
    gaps = np.flatnonzero(np.diff(times) > GAP_S) + 1
    recorded, predicted = (np.insert(values, gaps, np.nan, axis=0)
                           for values in (log.recorded, log.predicted))
    times = np.insert(times, gaps, np.nan)
    marks = [charts.Mark(moment.seconds, i, f'm{number}-{i}')
             for i, moment in enumerate(log.worst, 1)]
    bands = [(start, end, reason.text) for start, end, reason in log.stops()]
    return ''.join(charts.curves(
        f'{MOTIONS[axis]} ({unit})',
        [charts.Curve('driver', times, recorded[:, i]),
         charts.Curve('sent', sent[:, 0], sent[:, 1 + i]),
         charts.Curve('policy', times, predicted[:, i])],
        _length_s(log), marks, bands, numbers=i == 0)
        for i, (axis, unit) in enumerate(zip(AXES, UNITS))) + charts.time_axis(_length_s(log))


def _film(film: Film, log: ReplayLog) -> str:
    data = film.path.read_bytes() if film.path.stat().st_size <= EMBEDDED else None
    source = quote(film.address) if data is None else \
        f'data:video/mp4;base64,{base64.b64encode(data).decode()}'
    times = json.dumps(np.round(log.seconds_at, 3).tolist(), separators=(',', ':'))
    return (f'<div class="film" data-rate="{film.rate_hz:g}" data-times="{times}">'
            f'<video src="{escape(source)}" controls muted playsinline preload="auto"></video>'
            f'<label>time <input type="range" min="0" max="{_length_s(log):.3f}" step="0.01" '
            'value="0"><output></output></label></div>')


def _worst(number: int, log: ReplayLog) -> str:
    if not log.worst:
        return (f'<p class="note">No error: policy and driver never differ by more than '
                f'{ERROR:g} m/s or rad/s.</p>')
    shown = ''.join(_moment(f'm{number}-{i}', i, moment)
                    for i, moment in enumerate(log.worst, 1))
    return (f'<h3>Worst moments</h3><p class="note">Grey is the driver, orange the policy; up is '
            'forward, left is to the left.</p>'
            f'<div class="cards">{shown}</div>')


def _moment(target: str, number: int, moment: Moment) -> str:
    def cell(value: float, wrong: bool) -> str:
        text = f'{round(value, 2) + 0.0:+.2f}'.replace('-', '\u2212')
        return f'<b>{text}</b>' if wrong else text
    rows = [[MOTIONS[axis], cell(recorded, False), cell(predicted, wrong)]
            for axis, recorded, predicted, wrong in zip(
                AXES, moment.recorded, moment.predicted, moment.wrong)]
    values = table(['', '<span class="driver">driver</span>',
                    '<span class="policy">policy</span>'], rows)
    picture = image(moment.picture, 'jpeg', 'camera, with both commands as arrows')
    return (f'<figure id="{target}">{picture}<figcaption><b>{number}</b> at '
            f'{moment.seconds:.1f} s{values}</figcaption></figure>')
