"""One HTML file that needs nothing else: style, pictures and scripts are inside."""

import base64
from collections.abc import Iterable, Sequence
from functools import lru_cache
from html import escape
from importlib.resources import files
from pathlib import Path
import re
from urllib.parse import quote

GENERATOR = 'mobile_vla_ros'
HEAD = 2000  # characters at a page's beginning that name its generator
NEIGHBOURS = 8  # pages of the same folder that are linked, the newest


def document(kind: str, title: str, parts: Iterable[str], script: str = '') -> str:
    """
    Return the page; `parts` are HTML already.

    :param kind: doctor, replay or benchmark.
    :param script: the file in this folder that the page runs, none if empty.
    """
    run = f'<script>{_resource(script)}</script>' if script else ''
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f'<meta name="generator" content="{GENERATOR} {escape(kind)}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<title>{escape(title)}</title><link rel="icon" href="data:,">'
            f'<style>{_resource("style.css")}</style></head><body><nav></nav>'
            f'{"".join(parts)}{run}</body></html>')


@lru_cache
def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding='utf-8')


def verdict(level: str, sentence: str, more: Iterable[str] = ()) -> str:
    """
    Return the box that a page begins with.

    :param level: ok, warn or bad.
    :param sentence: plain text.
    :param more: HTML of further paragraphs.
    """
    return (f'<div class="verdict {level}"><p>{prose(sentence)}</p>'
            + ''.join(f'<p>{text}</p>' for text in more) + '</div>')


def prose(text: str) -> str:
    """Return plain text as HTML; what stands between backticks is shown as code."""
    return re.sub('`([^`]+)`', r'<code>\1</code>', escape(text))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], best: int | None = None,
          dense: bool = False) -> str:
    """
    Return a table in a box of its own that scrolls; cells are HTML.

    The last cell of a row that is too short fills it. Row `best` is bold. Many columns are
    `dense`.
    """
    def cells(row: Sequence[str]) -> str:
        missing = len(head) - len(row)
        last = f'<td colspan="{missing + 1}" class="words">' if missing else '<td>'
        return ''.join(f'<td>{cell}</td>' for cell in row[:-1]) + f'{last}{row[-1]}</td>'
    body = ''.join(f'<tr{" class=best" if number == best else ""}>{cells(row)}</tr>'
                   for number, row in enumerate(rows))
    heads = ''.join(f'<th>{cell}</th>' for cell in head)
    return (f'<div class="scroll"><table{" class=dense" * dense}><tr>{heads}</tr>{body}</table>'
            '</div>')


def fold(summary: str, content: str) -> str:
    """Return HTML that a click on `summary`, plain text, unfolds."""
    return f'<details><summary>{escape(summary)}</summary>{content}</details>'


def image(data: bytes, kind: str, text: str) -> str:
    """Return an <img> that carries its data; kind: png or jpeg, text: for who cannot see it."""
    return (f'<img alt="{escape(text)}" src="data:image/{kind};base64,'
            f'{base64.b64encode(data).decode()}">')


def link(address: str, text: str) -> str:
    """Return a link to a file at a relative address, which is not quoted yet."""
    return f'<a href="{escape(quote(address))}">{escape(text)}</a>'


def write_page(path: Path, page: str) -> None:
    """Write a page; it and the other pages in its folder link to each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding='utf-8')
    pages = _neighbours(path)
    for here in pages if len(pages) > 1 else ():
        links = ''.join(f'<b>{escape(_label(other))}</b>' if other == here else
                        link(other.name, _label(other)) for other in sorted(pages))
        text = here.read_text(encoding='utf-8')
        before, _, after = text.partition('<nav>')
        linked = f'{before}<nav>{links}</nav>{after.partition("</nav>")[2]}'
        if linked != text:
            new = here.with_name(f'.{here.name}.new')
            new.write_text(linked, encoding='utf-8')
            new.replace(here)


def _neighbours(path: Path) -> list[Path]:
    """Return `path` and the newest other pages of this package in its folder."""
    pages = [other for other in path.parent.glob('*.html') if other != path and _kind(other)]
    return [path, *sorted(pages, key=lambda other: -other.stat().st_mtime)[:NEIGHBOURS]]


def _kind(path: Path) -> str:
    """Return what a page of this package is, '' for any other file."""
    try:
        with path.open(encoding='utf-8') as file:
            match = re.search(f'<meta name="generator" content="{GENERATOR} ([a-z]+)">',
                              file.read(HEAD))
    except (OSError, UnicodeDecodeError):
        return ''
    return match[1] if match else ''


def _label(path: Path) -> str:
    kind = _kind(path)
    return kind.capitalize() if path.stem == kind else f'{kind.capitalize()}: {path.name}'
