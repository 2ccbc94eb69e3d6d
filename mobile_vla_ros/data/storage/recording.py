"""One recording: all of its files as one row of messages."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mobile_vla_ros.data.storage import BagError
from mobile_vla_ros.data.storage.files import files_of, open_file
from mobile_vla_ros.data.storage.metadata import read_metadata
from mobile_vla_ros.data.storage.order import parts
from mobile_vla_ros.data.storage.unpack import MAGIC as ZSTD, unpack
from mobile_vla_ros.errors import one_line


class Recording:
    """The files of a bag, opened; close it after use."""

    def __init__(self, path: Path):
        """
        Open what is at `path`.

        :raises BagError: if it cannot be read, with what can be done.
        """
        self._files, self._scratch = [], TemporaryDirectory(prefix='bag-')
        described = read_metadata(path if path.is_dir() else path.parent)
        self.info = described.info
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
        self._owners = [(file, place) for file in self._files  # of every channel
                        for place in range(len(file.channels))]
        self.channels = [file.channels[place] for file, place in self._owners]
        whole = path.is_dir() and {file.name for file in paths} >= set(described.files)
        self.noted = described.counts if whole else {}

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()
        self._scratch.cleanup()

    def index(self, wanted: list[int]) -> None:
        """Find the messages of these channels; `parts` and `read` are about them."""
        places = {owner: channel for channel, owner in enumerate(self._owners)}
        times, channels, self._places = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)], []
        for number, file in enumerate(self._files):
            chosen = {place for owner, place in map(self._owners.__getitem__, wanted)
                      if owner is file}
            if not chosen:
                continue
            index = file.index(chosen)
            table = np.array([places[file, place] for place in range(len(file.channels))])
            times.append(index.times_ns)
            channels.append(table[index.channels].astype(np.int32))
            self._places.append((number, len(index.times_ns)))
        self.times_ns, self.of = np.concatenate(times), np.concatenate(channels)
        self._owner = np.repeat([number for number, _ in self._places] or [0],
                                [count for _, count in self._places] or [0])
        self._row = np.concatenate([np.arange(count) for _, count in self._places]
                                   or [np.zeros(0, int)])
        keys = np.array(list(self._keys()), np.int32)
        self.parts = parts(self.times_ns, keys[self.of] if len(self.of) else self.of)

    def _keys(self):
        """Yield a number for each channel, the same where a topic goes on in the next file."""
        numbers, seen = {}, Counter()
        for (file, _), channel in zip(self._owners, self.channels):
            seen[file, channel[:2]] += 1  # of one topic in one file, as of several publishers
            numbers.setdefault((channel[:2], seen[file, channel[:2]]), len(numbers))
            yield numbers[channel[:2], seen[file, channel[:2]]]

    def read(self, place: int) -> bytes:
        """
        Return the message at a place of `times_ns`.

        :raises DamagedError: if it cannot be read; others can.
        """
        raw = self._files[self._owner[place]].read(int(self._row[place]))
        if raw[:len(ZSTD)] == ZSTD and self.channels[self.of[place]].encoding == 'cdr':
            return unpack(raw)  # --compression-mode message; CDR begins otherwise
        return raw


def _open(bag: Path, file: Path, scratch: Path):
    try:
        return open_file(file, scratch)
    except BagError as error:
        raise error.within(bag, file) from error
