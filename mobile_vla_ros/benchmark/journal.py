"""Rows of a long run on disk as they come, so that an interrupted one goes on."""

import hashlib
import json
from pathlib import Path


class Partial:
    """Finished rows by number; in a file if there is a path, in memory otherwise."""

    def __init__(self, path: Path | None, purpose: dict):
        """
        Find the rows of an interrupted run of the same purpose.

        :param purpose: everything that decides the rows, as JSON takes it.
        """
        self._path, self.rows = path, {}
        told = json.dumps(purpose, sort_keys=True, ensure_ascii=False)
        self._head = hashlib.sha256(told.encode()).hexdigest()
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding='utf-8').split('\n') if path.exists() else []
        if lines and lines[0] == self._head:
            for line in lines[1:-1]:  # the last one may be cut short
                number, row = json.loads(line)
                self.rows[number] = row
        self._write('w', self._head + '\n' + ''.join(
            self._line(number, row) for number, row in self.rows.items()))

    def add(self, number: int, row: dict) -> None:
        """Take a finished row."""
        self.rows[number] = row
        if self._path:
            self._write('a', self._line(number, row))

    def remove(self) -> None:
        """Forget the file: the result is written."""
        if self._path:
            self._path.unlink(missing_ok=True)

    @staticmethod
    def _line(number, row) -> str:
        return json.dumps([number, row], ensure_ascii=False) + '\n'

    def _write(self, mode, text):
        with self._path.open(mode, encoding='utf-8') as file:
            file.write(text)
