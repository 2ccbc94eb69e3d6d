"""What metadata.yaml says of a bag. It may be missing or wrong: the files are the truth."""

from pathlib import Path
from typing import Any, NamedTuple

from mobile_vla_ros.data.storage import ros2_type
from mobile_vla_ros.yaml_file import load, read_text

NAME = 'metadata.yaml'


class Described(NamedTuple):
    """What of a metadata.yaml is used."""

    files: tuple[str, ...] = ()  # names, without folders: those of another computer mean nothing
    counts: dict[tuple[str, str], int] = {}  # (topic, type) -> messages
    compression: str = ''  # 'zstd', or another that a plugin makes
    info: dict[str, str] = {}  # what the recorder noted beside the messages
    unreadable: bool = False


def read_metadata(folder: Path) -> Described:
    """Return what metadata.yaml in a folder says, as far as it makes sense."""
    path = folder / NAME
    if not path.is_file():
        return Described()
    try:
        content = load(read_text(path))['rosbag2_bagfile_information']
        content.keys()
    except Exception:  # whatever the parser makes of it
        return Described(unreadable=True)
    return Described(_files(content), _counts(content), _compression(content), _info(content))


def _files(content: dict[Any, Any]) -> tuple[str, ...]:
    names = content.get('relative_file_paths')
    names = names if isinstance(names, list) else []
    return tuple(dict.fromkeys(name.replace('\\', '/').rsplit('/', 1)[-1] for name in names
                               if isinstance(name, str) and name))


def _counts(content: dict[Any, Any]) -> dict[tuple[str, str], int]:
    rows = content.get('topics_with_message_count')
    counts: dict[tuple[str, str], int] = {}
    for row in rows if isinstance(rows, list) else []:
        try:
            topic, count = row['topic_metadata'], row['message_count']
            key = str(topic['name']), ros2_type(str(topic['type']))
            if isinstance(count, int):
                counts[key] = counts.get(key, 0) + count
        except (KeyError, TypeError):
            continue
    return counts


def _compression(content: dict[Any, Any]) -> str:
    mode, name = (str(content.get(f'compression_{key}') or '').lower()
                  for key in ('mode', 'format'))
    return name if mode not in ('', 'none') else ''


def _info(content: dict[Any, Any]) -> dict[str, str]:
    noted = content.get('custom_data')
    return {str(name): str(value) for name, value in noted.items()
            if isinstance(value, (str, int, float))} if isinstance(noted, dict) else {}
