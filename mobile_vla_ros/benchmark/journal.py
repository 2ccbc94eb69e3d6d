"""The finished rows of a long run, on disk as they come: an interrupted run goes on from there."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal


class Journal:
    """Finished rows by number; in a file if there is a path, in memory otherwise."""

    def __init__(self, path: Path | None, purpose: dict[str, Any]):
        """
        Read the rows of an interrupted run of the same purpose.

        :param purpose: everything that decides the rows, as JSON takes it.
        """
        self._path = path
        self.rows: dict[int, dict[str, Any]] = {}
        text = json.dumps(purpose, sort_keys=True, ensure_ascii=False)
        self._head = hashlib.sha256(text.encode()).hexdigest()
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding='utf-8').split('\n') if path.exists() else []
        if lines and lines[0] == self._head:
            for line in lines[1:-1]:  # the last one may be cut short
                number, row = json.loads(line)
                self.rows[number] = row
        _write(path, 'w', self._head + '\n' + ''.join(
            _line(number, row) for number, row in self.rows.items()))

    def add(self, number: int, row: dict[str, Any]) -> None:
        """Take a finished row."""
        self.rows[number] = row
        if self._path:
            _write(self._path, 'a', _line(number, row))

    def remove(self) -> None:
        """Delete the file, once the result is written."""
        if self._path:
            self._path.unlink(missing_ok=True)


def _line(number: int, row: dict[str, Any]) -> str:
    return json.dumps([number, row], ensure_ascii=False) + '\n'


def _write(path: Path, mode: Literal['a', 'w'], text: str) -> None:
    with path.open(mode, encoding='utf-8') as file:
        file.write(text)
