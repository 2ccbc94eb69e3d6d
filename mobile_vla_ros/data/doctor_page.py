"""A checkup of recordings as one HTML page: a verdict, what was found where, what was driven."""

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
import os
from pathlib import Path

from mobile_vla_ros.contract import UNITS
from mobile_vla_ros.data.balance import balance, histograms
from mobile_vla_ros.data.checkup import Checkup
from mobile_vla_ros.data.doctor import BAD, Finding, OK, WARN
from mobile_vla_ros.report import charts
from mobile_vla_ros.report.html import document, image, link, prose, table, verdict
from mobile_vla_ros.report.words import counted, first_of, in_words, MOTIONS

NAMED = 3  # findings in the verdict
PICTURED = 4  # recordings of a finding; the others are named
TEXTS = 5  # instructions
HEADS = ('recording', 'length (s)', 'pictures (1/s)', 'commands (1/s)',
         'command after picture (ms)', 'base follows after (ms)', 'stands still', 'gaps',
         'repeated', 'unreadable', 'brightness (0 to 255)')


def page(checkups: Sequence[Checkup], findings: Sequence[Finding], folder: Path) -> str:
    """
    Return the page.

    :param findings: what `verdicts` makes of the checkups.
    :param folder: where the page will be: the recordings are linked from there.
    """
    good = [checkup for checkup in checkups if not checkup.refused]
    title = f'Checkup of {counted(len(checkups), "recording")}'
    seconds = sum(checkup.seconds for checkup in good)
    pictures = sum(checkup.frames for checkup in good)
    findings = sorted(findings, key=lambda finding: (BAD, WARN, OK).index(finding.level))
    level, sentence = _verdict(findings)
    parts = [f'<h1>{title}</h1>', verdict(level, sentence, [
        f'{_length(seconds)} of driving with {counted(pictures, "picture")} can be used.'])]
    if any(finding.level != OK for finding in findings):
        parts += ['<h2>What was found</h2>',
                  *(_finding(number, finding, checkups)
                    for number, finding in enumerate(findings))]
    if good:
        drawn = (charts.histogram(f'{MOTIONS[axis]} ({unit})', bars['counts'], bars['edges'])
                 for unit, (axis, bars) in zip(UNITS, histograms(good).items()))
        parts += ['<h2>What was driven</h2><p class="note">How often each command was given.</p>',
                  f'<div class="cards wide">{"".join(drawn)}</div>', _balance(good)]
    parts += ['<h2>Each recording</h2>', *(_recording(place, checkup, findings, folder)
                                           for place, checkup in enumerate(checkups))]
    if good:
        parts += ['<h2>Numbers</h2>', table(HEADS, (_numbers(checkup) for checkup in good),
                                         dense=True)]
    return document('doctor', title, parts)


def _verdict(findings: Sequence[Finding]) -> tuple[str, str]:
    """Return a level, and in a sentence whether one can train with the recordings."""
    bad = [finding for finding in findings if finding.level == BAD]
    unsure = [finding for finding in findings if finding.level == WARN]
    if bad:
        return BAD, f'{_things(bad)} to mend before you train: {_named(bad)}.'
    if unsure:
        return WARN, f'Fit to train. {_things(unsure)} to look at: {_named(unsure)}.'
    return OK, 'Fit to train: nothing wrong was found.'


def _things(findings: Sequence[Finding]) -> str:
    count = len({finding.what for finding in findings})
    return f'{in_words(count)} thing{"s" * (count > 1)}'


def _named(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.what for finding in findings)
    texts = [what + (f' ({count})' if count > 1 else '') for what, count in counts.items()]
    more = len(texts) - NAMED
    return '; '.join(texts[:NAMED]) + (f'; and {more} more' if more > 0 else '')


def _length(seconds: float) -> str:
    return f'{seconds / 60:.1f} minutes' if seconds >= 60 else f'{seconds:.1f} seconds'


def _finding(number: int, finding: Finding, checkups: Sequence[Checkup]) -> str:
    shown, others = finding.concerned[:PICTURED], finding.concerned[PICTURED:]
    cards = ''.join(_concerned(place, detail, checkups[place]) for place, detail in shown)
    more = ', '.join(f'<a href="#r{place}">{escape(checkups[place].name)}</a>'
                     for place, _ in others)
    return (f'<div class="finding {finding.level}" id="f{number}"><p><b>'
            f'{prose(_sentence(finding.what))}</b></p><p>What to do: {prose(finding.remedy)}.</p>'
            + cards + (f'<p class="note">and {more}</p>' if more else '') + '</div>')


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _concerned(place: int, detail: str, checkup: Checkup) -> str:
    return _beside(checkup, [f'<a href="#r{place}">{escape(checkup.name)}</a>', escape(detail),
                             _quoted(checkup.instructions[:1]),
                             f'<span class="note">{escape(checkup.path)}</span>'])


def _beside(checkup: Checkup, lines: Iterable[str], name: str = '') -> str:
    """Return lines beside the picture of a recording; `name` is the place to link to."""
    return (f'<div class="recording"{f" id={name}" if name else ""}>{_picture(checkup)}<div>'
            + ''.join(f'<p>{line}</p>' for line in lines if line) + '</div></div>')


def _picture(checkup: Checkup) -> str:
    return image(checkup.picture, 'jpeg', f'a picture of {checkup.name}') if checkup.picture \
        else '<div class="empty">no picture</div>'


def _quoted(texts: Iterable[str]) -> str:
    return ', '.join(f'“{escape(text)}”' for text in texts)


def _recording(place: int, checkup: Checkup, findings: Sequence[Finding], folder: Path) -> str:
    facts = [] if checkup.refused else [
        f'{checkup.seconds:.1f} s', counted(checkup.frames, 'picture'),
        counted(len(checkup.commands), 'command'), checkup.scenario, checkup.distance]
    texts = _quoted(checkup.instructions[:TEXTS]) or \
        ('' if checkup.refused else 'no instruction')
    path = link(os.path.relpath(checkup.path, folder), checkup.path) if checkup.path else ''
    found = [f'<a class="{finding.level}" href="#f{number}">{prose(finding.what)}</a>'
             for number, finding in enumerate(findings)
             if place in (other for other, _ in finding.concerned)]
    return _beside(checkup, [
        f'<b>{escape(checkup.name)}</b>', texts,
        f'<span class="note">{escape("; ".join(filter(None, facts)))}</span>' if facts else '',
        f'<span class="note">{path}</span>' if path else '', *found], f'r{place}')


def _balance(good: Sequence[Checkup]) -> str:
    lines, counts = [], balance(list(good))
    texts = sorted(counts.pop('instructions').items(), key=lambda row: (-row[1], row[0]))
    for name, values in counts.items():
        words = ', '.join(f'{key} {count}' for key, count in sorted(values.items()))
        if words or name in ('sides', 'colors'):  # labels are shown where there are any
            lines.append(f'<li>{escape(name)}: {escape(words or "no instruction")}</li>')
    shown = first_of([f'{text} {count}' for text, count in texts], TEXTS, '; ')
    lines.append(f'<li>instructions: {escape(shown)}</li>')
    return f'<p>Recordings by what was asked for:</p><ul>{"".join(lines)}</ul>'


def _numbers(checkup: Checkup) -> list[str]:
    grey = checkup.as_dict()['exposure']
    return [escape(checkup.name), f'{checkup.seconds:.1f}', f'{checkup.frame_hz:.1f}',
            f'{checkup.command_hz:.1f}', f'{1000 * checkup.lag_s:.0f}',
            f'{1000 * checkup.delay_s:.0f}' if checkup.response else '',
            f'{checkup.idle_share:.0%}', str(len(checkup.gaps)), str(checkup.repeated),
            str(checkup.tally.unreadable), '' if grey is None else f'{grey:.0f}']
