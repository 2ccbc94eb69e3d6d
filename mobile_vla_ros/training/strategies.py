"""Training strategies by name: a model, its config and how to train it, from config/train."""

from dataclasses import dataclass, fields
from pathlib import Path

from mobile_vla_ros.environment.share import share_file, STRATEGIES as NAMES
from mobile_vla_ros.models.registry import MODELS
from mobile_vla_ros.training.loop import TrainConfig
from mobile_vla_ros.yaml_file import read_yaml

KEYS = {'model', 'config', 'train'}


@dataclass(frozen=True)
class Strategy:
    """One way to make a policy; `config` is the model's."""

    config: object
    train: TrainConfig


def read_strategy(name: str) -> Strategy:
    """
    Return the strategy of a shipped name, or of a YAML file of the same form.

    :raises ValueError: if there is none such, or naming the key or value that does not fit.
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
    return Strategy(_fill(path, MODELS[content['model']].config_class, content['config']),
                    _fill(path, TrainConfig, content['train']))


def _fill(path, kind, values):
    """Build the dataclass `kind`, telling a wrong key from a wrong value."""
    allowed = [field.name for field in fields(kind)]
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
