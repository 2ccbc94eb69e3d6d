"""Tell what kind of recording is at a path; if it cannot be imported, say what it is instead."""

from pathlib import Path

from mobile_vla_ros.data.formats.source_files import SourceError
from mobile_vla_ros.report.words import first_of

BAGS = ('.mcap', '.db3', '.bag')
FILES = {'.csv': 'csv', '.h5': 'hdf5', '.hdf5': 'hdf5'}
PACKED = ('.tar', '.tgz', '.zip', '.gz', '.xz', '.bz2', '.zst', '.7z', '.rar')
ACCEPTED = ('the folder of a DonkeyCar tub (manifest.json, *.catalog, images), a .csv beside its '
            'pictures (columns image, linear_x, angular_z and time_s), or an .h5 or .hdf5 with '
            'images (n, height, width, 3) and actions (n, 3)')
SHOWN = 6  # names in a folder that the error shows


def kind_of(path: Path) -> str:
    """
    Return the kind of the recording at `path`: tub, csv or hdf5.

    :raises FileNotFoundError: if there is nothing.
    :raises SourceError: if it is another kind; it says which, and what can be imported.
    """
    if not path.exists():
        raise FileNotFoundError(f'nothing at {path}')
    suffix = path.suffix.lower()
    if path.is_dir():
        if (path / 'manifest.json').is_file():
            return 'tub'
        raise SourceError(f'{path}: {_folder(path)}')
    if suffix in BAGS:
        raise SourceError(f'{path}: a bag needs no import; build, doctor and replay read it')
    if '.tar' in path.suffixes or suffix in PACKED:
        raise SourceError(f'{path}: unpack it and give the folder in it')
    if path.name == 'manifest.json' or suffix in ('.catalog', '.catalog_manifest'):
        raise SourceError(f'{path}: is part of a DonkeyCar tub; give its folder')
    if suffix not in FILES or not path.is_file():
        raise SourceError(f'{path}: cannot be imported; what can be imported is {ACCEPTED}')
    return FILES[suffix]


def _folder(path: Path) -> str:
    """Return in words what a folder without a tub is, and what to give instead."""
    inside = sorted(path.iterdir())
    names = [entry.name for entry in inside]
    tubs = [entry for entry in inside if (entry / 'manifest.json').is_file()]
    files = [name for name in names if Path(name).suffix.lower() in FILES]
    if 'metadata.yaml' in names or any(Path(name).suffix in BAGS for name in names):
        return 'a bag needs no import; build, doctor and replay read it'
    if tubs:
        return f'holds {len(tubs)} tubs; give each of them: {path}/*'
    if any((entry / 'metadata.yaml').is_file() for entry in inside):
        return 'holds bags, which need no import; build, doctor and replay read them'
    if files:
        return f'give the file in it: {path / files[0]}' + (
            f' (there are {len(files)})' if files[1:] else '')
    if any(name.startswith('record_') and name.endswith('.json') for name in names):
        return ('a version 1 tub; make it one of version 2 with DonkeyCar '
                '(scripts/convert_to_tub_v2.py) and give that')
    if (path / 'meta' / 'info.json').is_file():
        content = 'a LeRobot dataset'
    else:
        content = first_of([repr(name)[1:-1] for name in names], SHOWN) or 'nothing'
    return (f'not a DonkeyCar tub (no manifest.json in it) but {content}; what can be imported is '
            f'{ACCEPTED}')
