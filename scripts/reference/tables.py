"""Markdown tables."""


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table."""
    return [line(head), '|---' * len(head) + '|', *map(line, rows)]


def line(cells: list[str]) -> str:
    """Return one row; a bar inside a cell is escaped."""
    return '| ' + ' | '.join(' '.join(cell.split()).replace('|', '\\|') for cell in cells) + ' |'
