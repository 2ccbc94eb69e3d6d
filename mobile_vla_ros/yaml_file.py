"""A user's YAML file as plain values."""

from pathlib import Path

import yaml


def read_yaml(path, wanted: str) -> dict:
    """
    Return the mapping in a YAML file, its keys text.

    :param wanted: what such a file holds, for whoever gave another one.
    :raises FileNotFoundError: if there is none.
    :raises ValueError: if it is no YAML, or no mapping of names.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no file at {path}')
    try:
        content = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    except (yaml.YAMLError, ValueError, ArithmeticError, RecursionError) as error:
        raise ValueError(f'{path}: not YAML ({error})') from error
    if not isinstance(content, dict) or not content \
            or not all(isinstance(name, str) for name in content):
        raise ValueError(f'{path}: {wanted}, got {content!r:.80}')
    return content
