"""Which files make up a bag, and what each of them is."""

from pathlib import Path
import re

from mobile_vla_ros.data.storage import BagError, StorageFile
from mobile_vla_ros.data.storage.metadata import Described, NAME
from mobile_vla_ros.data.storage.unpack import MAGIC as ZSTD, unpack_file
from mobile_vla_ros.report.words import first_of

SUFFIXES = ('.mcap', '.db3', '.mcap.zstd', '.db3.zstd')
ANEW = 'copy it anew, or leave it out'


def stored_in(folder: Path) -> list[Path]:
    """Return the storage files of rosbag2 in a folder, in the order in which they were written."""
    return sorted((file for file in folder.iterdir() if file.name.endswith(SUFFIXES)
                   and not file.name.startswith('.') and file.is_file()), key=_written)


def files_by_bag(folder: Path) -> list[list[Path]]:
    """Return the files of each bag in a folder of which nothing is described."""
    groups: dict[tuple[str, str], list[Path]] = {}
    for file in stored_in(folder):
        if file.suffix == '.zstd' and file.with_suffix('').exists():
            continue  # unpacked by hand beside it
        name, _, kind = file.name.removesuffix('.zstd').rpartition('.')
        groups.setdefault((re.sub(r'_\d+$', '', name), kind), []).append(file)
    return list(groups.values())


def files_of(path: Path, described: Described) -> tuple[list[Path], list[str]]:
    """
    Return the storage files of the bag at `path`, and what is odd about them in words.

    :raises BagError: if there are none, or it is not clear which.
    """
    if not path.is_dir():
        return [path], []
    notes = [f'{NAME} makes no sense, the files are read without it'] * described.unreadable
    stored = {file.name: file for file in stored_in(path)}
    named = [stored[name] for name in described.files if name in stored]
    missing = [name for name in described.files if name not in stored]
    groups = files_by_bag(path)
    rest = [file for group in groups for file in group if file not in named]
    if described.files and not missing:
        beside = [file.name for file in rest if file.name + '.zstd' not in described.files]
        if beside:
            notes.append(f'{NAME} does not name {", ".join(beside)}, which is not read')
        return sorted(named, key=_written), notes
    if not stored:
        if missing:
            raise BagError(f'{path}: not a readable bag ({NAME} names {first_of(missing)}, and no '
                           'storage file is there)', 'copy that file beside it')
        raise BagError(f'{path}: no bag: no {NAME}, .mcap or .db3 file in it',
                       'give the folder of one, or a file')
    if len(groups) > 1 and not named:
        raise BagError(f'{path}: several bags without a {NAME}: '
                       f'{first_of([group[0].name for group in groups])}', 'give one of the files')
    if missing:
        notes.append(f'{NAME} names {first_of(missing)}, which is not there')
        if not named:
            notes[-1] += f'; {first_of([file.name for file in rest])} is read instead'
    return sorted(named or rest, key=_written), notes


def open_file(path: Path, scratch: Path) -> StorageFile:
    """
    Open a storage file by its first bytes, whatever its name is.

    :param scratch: a folder for what must be unpacked first.
    :raises BagError: if it is no storage file, or damaged, with what can be done.
    """
    from mobile_vla_ros.data.storage import db3_file
    try:
        with path.open('rb') as file:
            head = file.read(16)
    except OSError as error:
        raise BagError(f'cannot be read ({error.strerror})', 'give yourself the right to read it')\
            from error
    if head.startswith(ZSTD):
        name = path.name.removesuffix('.zstd')
        out = scratch / (name if name != path.name else f'{name}.unpacked')
        unpack_file(path, out)
        try:
            return open_file(out, scratch)
        except BagError as error:
            remedy = error.remedy.replace('{bag}', 'what that makes').replace('{file}', out.name)
            raise BagError(error.found, f'zstd -d {{file}}, then {remedy}') from error
    if head.startswith(b'\x89MCAP'):
        from mobile_vla_ros.data.storage.mcap_file import McapFile
        return McapFile(path)
    if head == db3_file.MAGIC or not head and _journal(path):
        return db3_file.Db3File(path)
    if head.startswith(b'#ROSBAG V'):
        from mobile_vla_ros.data.storage.ros1_file import Ros1File
        return Ros1File(path)
    what = 'it is empty' if not head else 'it begins neither as MCAP, SQLite nor a ROS 1 bag'
    raise BagError(f'not a readable bag ({what})', ANEW)


def _journal(path: Path) -> bool:
    """Tell whether all of an SQLite file is still beside it."""
    wal = path.with_name(path.name + '-wal')
    return path.suffix == '.db3' and wal.exists() and wal.stat().st_size > 0


def _written(file: Path) -> list[tuple[int, str]]:
    """Return the key that sorts files by the numbers in their names: bag_10 after bag_9."""
    return [(int(part), '') if part.isdigit() else (-1, part)
            for part in re.split(r'(\d+)', file.name)]
