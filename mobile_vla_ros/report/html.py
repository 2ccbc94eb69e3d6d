"""One HTML file that needs nothing else: no script, no request."""

import base64
from html import escape
import io
from pathlib import Path

STYLE = '''
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem } h1 { font-size: 1.6rem } h2 { margin-top: 2.5rem; font-size: 1.2rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #e3e7eb }
th:first-child, td:first-child { text-align: left }
.dense { font-size: .82rem } .dense th, .dense td { padding: .25rem .45rem }
.dense td:first-child { white-space: nowrap }
.note { color: #6b7785 } img { max-width: 100% } figure { display: inline-block;
  vertical-align: top; margin: .4rem; font-size: .85rem }
figcaption { max-width: 10rem } .lead { font-size: 1.15rem } .best {
  font-weight: 700 } .words { text-align: left !important; width: 47% }
.bad { color: #a61b00; font-weight: 700 }
.warn { color: #8a5a00; font-weight: 700 } .ok { color: #0b6e4f; font-weight: 700 }'''


def document(title: str, parts: list[str]) -> str:
    """Return the page; `parts` are HTML already."""
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f'<title>{escape(title)}</title><link rel="icon" href="data:,">'
            f'<style>{STYLE}</style></head><body>{"".join(parts)}</body></html>')


def image(data: bytes, kind: str, text: str) -> str:
    """Return an <img> that carries its data; kind: png or jpeg, text: for who cannot see it."""
    return (f'<img alt="{escape(text)}" src="data:image/{kind};base64,'
            f'{base64.b64encode(data).decode()}">')


def figure_png(figure) -> bytes:
    """Return a matplotlib figure as PNG and close it."""
    from matplotlib import pyplot
    out = io.BytesIO()
    figure.savefig(out)
    pyplot.close(figure)
    return out.getvalue()


def write_page(path: Path, page: str) -> None:
    """Write a page, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding='utf-8')
