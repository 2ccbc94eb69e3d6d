"""Training strategies by name: a model, its config and how to train it, from config/train."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from mobile_vla_ros.environment.share import share_file, STRATEGIES as NAMES
from mobile_vla_ros.models.registry import Config, config_class, MODELS
from mobile_vla_ros.training.loop import TrainConfig
from mobile_vla_ros.yaml_file import read_yaml

KEYS = {'model', 'config', 'train'}
Kind = TypeVar('Kind')


@dataclass(frozen=True)
class Strategy:
    """A way to make a policy: the config of its model, and how to train it."""

    config: Config
    train: TrainConfig


def read_strategy(name: str) -> Strategy:
    """
    Return the strategy of a shipped name, or of a YAML file of the same form.

    :raises ValueError: for an unknown name, or naming the key or value that does not fit.
    """
    if name not in NAMES and not name.endswith('.yaml'):
        raise ValueError(f'no strategy {name!r}; one of {", ".join(NAMES)}, or a .yaml file')
    path = share_file('config', 'train', f'{name}.yaml') if name in NAMES else Path(name)
    wanted = f'a strategy has the keys {", ".join(sorted(KEYS))}'
    content = read_yaml(path, wanted)
    if set(content) != KEYS:
        raise ValueError(f'{path}: {wanted}, got {", ".join(content):.200}')
    if content['model'] not in list(MODELS):
        raise ValueError(f'{path}: unknown model {content["model"]!r:.80}; one of '
                         f'{", ".join(MODELS)}')
    return Strategy(_fill(path, config_class(content['model']), content['config']),
                    _fill(path, TrainConfig, content['train']))


def _fill(path: Path, kind: type[Kind], values: object) -> Kind:
    """Build the dataclass `kind`; a wrong key and a wrong value are different errors."""
    dataclass_fields: Any = fields(kind)  # type: ignore[arg-type]  # a TypeVar cannot say so
    allowed = [field.name for field in dataclass_fields]
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise ValueError(f'{path}: {kind.__name__} needs lines NAME: VALUE, got {values!r:.80}')
    unknown = [str(name) for name in values if name not in allowed]
    if unknown:
        raise ValueError(f'{path}: unknown key {", ".join(sorted(unknown)):.200}; '
                         f'{kind.__name__} has {", ".join(allowed)}')
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f'{path}: {error}') from error
