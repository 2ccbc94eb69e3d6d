"""The list of a dataset's recordings and their shards, by the digest of each recording."""

from collections.abc import Iterator
from contextlib import contextmanager
import fcntl
import hashlib
import itertools
import json
import os
from pathlib import Path
from typing import Any

NAME = 'dataset.manifest'  # JSON, but the name ends differently, because NAME.json is a shard
VERSION = 1
STORAGE = ('.mcap', '.db3', '.db3-wal', '.bag', '.zstd')
KINDS = ('grids', 'labels', 'executed', 'images')  # arrays of a shard


def content_digest(path: Path) -> str:
    """
    Return the SHA-256 of the files with a bag's messages, without their names and times.

    :raises FileNotFoundError: if there is no such bag.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f'no bag at {path}')
    total = hashlib.sha256()
    for file in storage_files(path):
        total.update(_file_digest(file))
    return total.hexdigest()


def storage_files(path: Path) -> list[Path]:
    """Return the files with a bag's messages, sorted by name."""
    if path.is_file():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file()
                  and file.name.endswith(STORAGE))


def file_stats(path: Path) -> list[list[Any]]:
    """
    Return names, sizes and times of a bag's files; while they are the same, so is the content.

    :raises FileNotFoundError: if there is no such bag.
    """
    if not path.exists():
        raise FileNotFoundError(f'no bag at {path}')
    return [[file.name, file.stat().st_size, file.stat().st_mtime_ns]
            for file in storage_files(path)]


def _file_digest(file: Path) -> bytes:
    total = hashlib.sha256()
    with file.open('rb') as stream:
        while block := stream.read(2**20):
            total.update(block)
    return total.digest()


class Manifest:
    """
    The entries of a dataset, by the digest of their recording.

    An entry has `name` (of the bag), `path`, `stat` (size and time of its files, to know it again
    without reading it), `shard`, `settings`, `episodes`, `frames`, `seconds`, `instructions` and
    `mirrored`.
    """

    def __init__(self, folder: Path):
        """
        Read the manifest of `folder`; empty where there is none.

        :raises ValueError: for one that this version cannot read.
        """
        self.folder = Path(folder)
        self.entries: dict[str, dict[str, Any]] = {}
        path = self.folder / NAME
        if not path.exists():
            return
        try:
            content = json.loads(path.read_text(encoding='utf-8'))
            self.entries = dict(content['recordings'])
            version = content['version']
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError(f'{path}: not the manifest of a dataset ({error}); build the dataset '
                             'anew in another folder') from error
        if version != VERSION:
            raise ValueError(f'{path}: of version {version}, this program reads {VERSION}; build '
                             'the dataset anew in another folder')

    def write(self) -> None:
        """Write the file in one step: at any time the old one or the new one is complete."""
        new = self.folder / f'{NAME}.new'
        new.write_text(json.dumps({'version': VERSION, 'recordings': self.entries},
                                  ensure_ascii=False, indent=1) + '\n', encoding='utf-8')
        new.replace(self.folder / NAME)

    def put(self, digest: str, entry: dict[str, Any]) -> list[str]:
        """
        Add an entry; it replaces that of the same recording, or of the same bag as it was before.

        :returns: the names of the replaced recordings.
        """
        old = [key for key, other in self.entries.items()
               if key == digest or other['path'] == entry['path']]
        gone = [self.entries.pop(key) for key in old]
        self.entries[digest] = entry
        self.write()
        for other in gone:
            if other['shard'] != entry['shard']:
                delete_shard(self.folder, other['shard'])
        return [other['name'] for other in gone if other['shard'] != entry['shard']]

    def remove(self, names: list[str]) -> list[dict[str, Any]]:
        """
        Remove recordings, by name or by the beginning of their digest; return their entries.

        :raises ValueError: naming the recordings that are not in it; nothing is removed then.
        """
        matches = {name: [key for key, entry in self.entries.items() if entry['name'] == name
                        or len(name) >= 8 and key.startswith(name)] for name in names}
        unknown = [name for name, keys in matches.items() if not keys]
        if unknown:
            raise ValueError(f'{self.folder} has no recording {", ".join(map(repr, unknown))}; it '
                             'has ' + (', '.join(sorted(
                                 entry['name'] for entry in self.entries.values())) or 'none'))
        gone = [self.entries.pop(key) for key in dict.fromkeys(itertools.chain(*matches.values()))]
        self.write()
        for entry in gone:
            delete_shard(self.folder, entry['shard'])
        return gone

    def shards(self) -> list[Path]:
        """
        Return the listed shards, in the order of their names.

        :raises ValueError: if one is missing or damaged.
        """
        for entry in self.entries.values():
            if not is_complete(self.folder, entry):
                raise ValueError(f'{self.folder}: the shard {entry["shard"]} of {entry["name"]} '
                                 'is missing or damaged; build that bag again, or take it out '
                                 f'with `dataset remove {self.folder} {entry["name"]}`')
        return sorted(self.folder / f'{entry["shard"]}.json' for entry in self.entries.values())

    def unlisted(self) -> list[str]:
        """Return the names of the shards that lie in the folder and are not listed."""
        listed = {entry['shard'] for entry in self.entries.values()}
        return sorted({file.name.removesuffix('.labels.npy')
                       for file in self.folder.glob('*.labels.npy')} - listed)


def is_complete(folder: Path, entry: dict[str, Any], pictures: bool = False) -> bool:
    """Tell whether an entry's shard has all its files, with `pictures` if wanted."""
    rows = Path(folder) / f'{entry["shard"]}.json'
    try:
        frames = sum(row['frames'] for row in json.loads(rows.read_text(encoding='utf-8')))
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return frames == entry['shard_frames'] and all(
        (rows.parent / f'{entry["shard"]}.{kind}.npy').exists()
        for kind in KINDS[:4 if pictures else 3])


def delete_shard(folder: Path, name: str) -> None:
    """Delete the files of a shard, first the .json, which lists what the others hold."""
    (folder / f'{name}.json').unlink(missing_ok=True)
    for kind in KINDS:
        (folder / f'{name}.{kind}.npy').unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from changing a dataset meanwhile."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
