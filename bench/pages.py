"""Puts what was measured where people read it."""

from pathlib import Path


def put(page: Path, name: str, text: str) -> None:
    """
    Replace what stands between a page's marks `<!-- name:begin -->` and `<!-- name:end -->`.

    :raises ValueError: if the marks are not there.
    """
    begin, end = (f'<!-- {name}:{what} -->' for what in ('begin', 'end'))
    before, found, rest = page.read_text(encoding='utf-8').partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f'{page} needs the marks {begin} and {end}')
    page.write_text(f'{before}{begin}\n{text}\n{end}{after}', encoding='utf-8')


def publish(path: Path, text: str) -> None:
    """Write a page of its own, and print it."""
    path.write_text(text, encoding='utf-8')
    print(text)
