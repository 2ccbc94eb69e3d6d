"""SQLite files of rosbag2, with the journal that a killed recorder leaves beside them."""

from pathlib import Path
import shutil
import sqlite3
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from mobile_vla_ros.data.storage import (BagError, Channel, DamagedError, Index, ros2_type,
                                         Rows)
from mobile_vla_ros.data.storage.unpack import check_room
from mobile_vla_ros.errors import one_line

MAGIC = b'SQLite format 3\0'
JOURNALS = ('-wal', '-journal')  # what was not yet, or only half, written to the file itself
RECOVER = "get what is whole of it: sqlite3 '{file}' .recover | sqlite3 recovered.db3"


class Db3File:
    """One SQLite file. Neither the file nor its journal is ever written to."""

    def __init__(self, path: Path) -> None:
        """
        Read what it holds.

        :raises BagError: if it is no such file, or damaged.
        """
        self.path = path
        self._copy: TemporaryDirectory[str] | None = None
        self._db: sqlite3.Connection | None = None
        self._ids: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self.notes: list[str] = []
        try:
            self._db = db = self._open()
            self._topics = db.execute(
                'SELECT id, name, type, serialization_format FROM topics ORDER BY id').fetchall()
            if not all(isinstance(text, str) and text for topic in self._topics
                       for text in topic[1:3]):
                raise ValueError('a topic has no name or no type')
            rows = db.execute('SELECT rowid, topic_id, timestamp FROM messages '
                              'ORDER BY rowid')
            self._messages: Rows = np.fromiter(rows, 'i8,i8,i8')
            self._numbers = np.array([topic[0] for topic in self._topics], np.int64)
        except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:
            self.close()
            if isinstance(error, BagError):
                raise
            raise BagError(f'not a readable bag ({one_line(error)})', RECOVER) from error
        except BaseException:
            self.close()
            raise
        counts = dict(zip(*np.unique(self._messages['f1'], return_counts=True)))
        self.channels = [Channel(name, ros2_type(kind), str(encoding),
                                 int(counts.get(number, 0)))
                         for number, name, kind, encoding in self._topics]

    def close(self) -> None:
        """Close the file."""
        if self._db:
            self._db.close()
        if self._copy:
            self._copy.cleanup()

    def index(self, wanted: set[int]) -> Index:
        """Return when the messages on these channels came; rows of `read` count them."""
        chosen = sorted(wanted)
        rows = self._messages[np.isin(self._messages['f1'], self._numbers[chosen])]
        self._ids = rows['f0']
        order = {int(self._numbers[channel]): channel for channel in chosen}
        channels = np.fromiter((order[number] for number in rows['f1'].tolist()), np.int32,
                               len(rows))
        return Index(rows['f2'], channels)

    def read(self, row: int) -> bytes:
        """
        Return the message in a row of the last `index`.

        :raises DamagedError: if it cannot be read.
        """
        assert self._db is not None  # as long as the bag is open
        try:
            found = self._db.execute('SELECT data FROM messages WHERE rowid = ?',
                                     (int(self._ids[row]),)).fetchone()
        except sqlite3.Error as error:
            raise DamagedError(one_line(error)) from error
        if not found or not isinstance(found[0], bytes):
            raise DamagedError('it holds no bytes')
        return found[0]

    def _open(self) -> sqlite3.Connection:
        beside = [journal for suffix in JOURNALS
                  if (journal := self.path.with_name(self.path.name + suffix)).exists()
                  and journal.stat().st_size]
        path, how = self.path, '?immutable=1'
        if beside:  # SQLite takes them in by writing to the file: to a copy of it here
            self._copy = TemporaryDirectory(prefix='bag-')
            path, how = Path(self._copy.name) / self.path.name, '?mode=rw'
            check_room(path, 2 * sum(file.stat().st_size for file in (self.path, *beside)))
            for file in (self.path, *beside):
                shutil.copyfile(file, path.with_name(file.name))
        return sqlite3.connect(path.resolve().as_uri() + how, uri=True, check_same_thread=False)
