"""What a dataset holds: for every recording its shard, by the digest of what was recorded."""

from contextlib import contextmanager
import fcntl
import hashlib
import json
import os
from pathlib import Path

NAME = 'dataset.manifest'  # JSON; the files that end so are shards
VERSION = 1
STORAGE = ('.mcap', '.db3', '.db3-wal', '.bag', '.zstd')
KINDS = ('grids', 'labels', 'executed', 'images')  # arrays of a shard


def content_digest(path: Path) -> str:
    """
    Return the SHA-256 of a bag's messages' files; names, times and metadata.yaml do not count.

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
        self.folder, self.entries = Path(folder), {}
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
        """Write it, in one go: there is always the old one or the new one."""
        new = self.folder / f'{NAME}.new'
        new.write_text(json.dumps({'version': VERSION, 'recordings': self.entries},
                                  ensure_ascii=False, indent=1) + '\n', encoding='utf-8')
        new.replace(self.folder / NAME)

    def put(self, digest: str, entry: dict) -> list[str]:
        """
        Take an entry in place of that of the same recording, or of the same bag as it was before.

        :returns: the names of what was replaced.
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

    def remove(self, names: list[str]) -> list[dict]:
        """
        Take recordings out, by name or by the beginning of their digest; return their entries.

        :raises ValueError: naming what is not in it; nothing is removed then.
        """
        found = {name: [key for key, entry in self.entries.items() if entry['name'] == name
                        or len(name) >= 8 and key.startswith(name)] for name in names}
        unknown = [name for name, keys in found.items() if not keys]
        if unknown:
            raise ValueError(f'{self.folder} has no recording {", ".join(map(repr, unknown))}; it '
                             'has ' + (', '.join(sorted(
                                 entry['name'] for entry in self.entries.values())) or 'none'))
        gone = [self.entries.pop(key) for key in dict.fromkeys(sum(found.values(), []))]
        self.write()
        for entry in gone:
            delete_shard(self.folder, entry['shard'])
        return gone

    def shards(self) -> list[Path]:
        """
        Return the shards that are listed, in the order of their names.

        :raises ValueError: if one is missing or is not what was built.
        """
        for entry in self.entries.values():
            if not is_whole(self.folder, entry):
                raise ValueError(f'{self.folder}: the shard {entry["shard"]} of {entry["name"]} '
                                 'is missing or damaged; build that bag again, or take it out '
                                 f'with `dataset remove {self.folder} {entry["name"]}`')
        return sorted(self.folder / f'{entry["shard"]}.json' for entry in self.entries.values())

    def strangers(self) -> list[str]:
        """Return the names of shards that lie in the folder and are not listed."""
        listed = {entry['shard'] for entry in self.entries.values()}
        return sorted({file.name.removesuffix('.labels.npy')
                       for file in self.folder.glob('*.labels.npy')} - listed)


def is_whole(folder: Path, entry: dict, pictures: bool = False) -> bool:
    """Tell whether the shard of an entry is there as it was built, with `pictures` if wanted."""
    rows = Path(folder) / f'{entry["shard"]}.json'
    try:
        frames = sum(row['frames'] for row in json.loads(rows.read_text(encoding='utf-8')))
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return frames == entry['shard_frames'] and all(
        (rows.parent / f'{entry["shard"]}.{kind}.npy').exists()
        for kind in KINDS[:4 if pictures else 3])


def delete_shard(folder: Path, name: str) -> None:
    """Delete the files of a shard, first the one without which the others mean nothing."""
    (folder / f'{name}.json').unlink(missing_ok=True)
    for kind in KINDS:
        (folder / f'{name}.{kind}.npy').unlink(missing_ok=True)


@contextmanager
def locked(folder: Path):
    """Keep others from changing a dataset meanwhile."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
