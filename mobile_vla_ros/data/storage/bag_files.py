"""All files of one bag as one row of messages."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from mobile_vla_ros.data.storage import BagError, StorageFile
from mobile_vla_ros.data.storage.files import files_of, open_file
from mobile_vla_ros.data.storage.metadata import read_metadata
from mobile_vla_ros.data.storage.order import Part, parts
from mobile_vla_ros.data.storage.unpack import MAGIC as ZSTD, unpack
from mobile_vla_ros.errors import one_line


class BagFiles:
    """The files of a bag, opened; close it after use."""

    def __init__(self, path: Path) -> None:
        """
        Open what is at `path`.

        :raises BagError: if it cannot be read, with what can be done.
        """
        self._files: list[StorageFile] = []
        self._scratch = TemporaryDirectory(prefix='bag-')
        described = read_metadata(path if path.is_dir() else path.parent)
        self.info = described.info
        self.notes: list[str] = []  # what is odd about the files
        try:
            paths, self.notes = files_of(path, described)
            if described.compression not in ('', 'zstd'):
                raise BagError(f'{path}: compressed by {described.compression!r}, which is not '
                               'read', "convert it with that plugin's `ros2 bag convert`")
            for number, file in enumerate(paths):
                scratch = Path(self._scratch.name) / str(number)
                scratch.mkdir()
                self._files.append(_open(path, file, scratch))
                self.notes += [f'{file.name}: {note}' for note in self._files[-1].notes]
        except (BagError, ImportError):
            self.close()
            raise
        except Exception as error:  # whatever the parsers make of a damaged file
            self.close()
            raise BagError(f'{path}: not a readable bag ({one_line(error)})') from error
        self._owners = [(number, place) for number, opened in enumerate(self._files)
                        for place in range(len(opened.channels))]  # of every channel
        self.channels = [self._files[number].channels[place] for number, place in self._owners]
        whole = path.is_dir() and {file.name for file in paths} >= set(described.files)
        self.noted = described.counts if whole else {}  # (topic, type) -> messages
        self.index([])

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()
        self._scratch.cleanup()

    def index(self, wanted: list[int]) -> None:
        """Find the messages of these channels; all that follows is about them."""
        numbers = {owner: channel for channel, owner in enumerate(self._owners)}
        times: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64)]
        channels: list[npt.NDArray[np.int32]] = [np.zeros(0, np.int32)]
        files, rows = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
        for number, file in enumerate(self._files):
            chosen = {place for owner, place in map(self._owners.__getitem__, wanted)
                      if owner == number}
            if not chosen:
                continue
            index = file.index(chosen)
            table = np.array([numbers[number, place] for place in range(len(file.channels))],
                             np.int32)
            times.append(index.times_ns)
            channels.append(table[index.channels])
            files.append(np.full(len(index.times_ns), number, np.int32))
            rows.append(np.arange(len(index.times_ns)))
        self.times_ns: npt.NDArray[np.int64] = np.concatenate(times)
        self.channel_of: npt.NDArray[np.int32] = np.concatenate(channels)
        self._file_of: npt.NDArray[np.int32] = np.concatenate(files)
        self._row_of: npt.NDArray[np.int64] = np.concatenate(rows)
        keys = np.array(list(self._keys()), np.int32)
        self.parts: list[Part] = parts(self.times_ns, keys[self.channel_of])

    def _keys(self) -> Iterator[int]:
        """Yield a number for each channel, the same where a topic goes on in the next file."""
        numbers: dict[tuple[tuple[str, str], int], int] = {}
        seen: Counter[tuple[int, tuple[str, str]]] = Counter()
        for (file, _), channel in zip(self._owners, self.channels):
            topic = channel.topic, channel.type
            seen[file, topic] += 1  # several publishers in one file
            yield numbers.setdefault((topic, seen[file, topic]), len(numbers))

    def read(self, place: int) -> bytes:
        """
        Return the message at a place of `times_ns`.

        :raises DamagedError: if it cannot be read; others can.
        """
        raw = self._files[int(self._file_of[place])].read(int(self._row_of[place]))
        if raw[:len(ZSTD)] == ZSTD and self.channels[self.channel_of[place]].encoding == 'cdr':
            return unpack(raw)  # --compression-mode message; CDR begins otherwise
        return raw


def _open(bag: Path, file: Path, scratch: Path) -> StorageFile:
    try:
        return open_file(file, scratch)
    except BagError as error:
        raise error.within(bag, file) from error
