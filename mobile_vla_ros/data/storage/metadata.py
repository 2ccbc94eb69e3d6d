"""What metadata.yaml says of a bag. It may be missing or wrong: the files are the truth."""

from pathlib import Path
from typing import NamedTuple

from mobile_vla_ros.data.storage import ros2_type
from mobile_vla_ros.yaml_file import load, read_text

NAME = 'metadata.yaml'


class Described(NamedTuple):
    """What of a metadata.yaml is used."""

    files: tuple[str, ...] = ()  # names, without folders: those of another computer mean nothing
    counts: dict = {}  # (topic, type) -> messages
    compression: str = ''  # 'zstd', or another that a plugin makes
    info: dict = {}  # what the recorder noted beside the messages
    unreadable: bool = False


def read_metadata(folder: Path) -> Described:
    """Return what metadata.yaml in a folder says, as far as it makes sense."""
    path = folder / NAME
    if not path.is_file():
        return Described()
    try:
        told = load(read_text(path))['rosbag2_bagfile_information']
        told.keys()
    except Exception:  # whatever the parser makes of it
        return Described(unreadable=True)
    return Described(_files(told), _counts(told), _compression(told), _info(told))


def _files(told) -> tuple[str, ...]:
    names = told.get('relative_file_paths')
    names = names if isinstance(names, list) else []
    return tuple(dict.fromkeys(name.replace('\\', '/').rsplit('/', 1)[-1] for name in names
                               if isinstance(name, str) and name))


def _counts(told) -> dict:
    rows, counts = told.get('topics_with_message_count'), {}
    for row in rows if isinstance(rows, list) else []:
        try:
            topic, count = row['topic_metadata'], row['message_count']
            key = str(topic['name']), ros2_type(str(topic['type']))
            if isinstance(count, int):
                counts[key] = counts.get(key, 0) + count
        except (KeyError, TypeError):
            continue
    return counts


def _compression(told) -> str:
    mode, name = (str(told.get(f'compression_{what}') or '').lower()
                  for what in ('mode', 'format'))
    return name if mode not in ('', 'none') else ''


def _info(told) -> dict[str, str]:
    found = told.get('custom_data')
    return {str(name): str(value) for name, value in found.items()
            if isinstance(value, (str, int, float))} if isinstance(found, dict) else {}
