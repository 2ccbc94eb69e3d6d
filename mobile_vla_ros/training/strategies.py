"""Training strategies by name: a model, its config and how to train it, from config/train."""

from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from mobile_vla_ros.models.registry import MODELS
from mobile_vla_ros.share import share_file
from mobile_vla_ros.training.loop import TrainConfig

NAMES = ('best', 'differential', 'final_fixed', 'hybrid', 'advanced')
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
    content = yaml.safe_load(path.read_text(encoding='utf-8'))
    if not isinstance(content, dict) or set(content) != KEYS:
        raise ValueError(f'{path}: a strategy has the keys {", ".join(sorted(KEYS))}, got '
                         f'{content if not isinstance(content, dict) else ", ".join(content)}')
    if content['model'] not in MODELS:
        raise ValueError(f'{path}: unknown model {content["model"]!r}; one of '
                         f'{", ".join(MODELS)}')
    return Strategy(_fill(path, MODELS[content['model']].config_class, content['config']),
                    _fill(path, TrainConfig, content['train']))


def _fill(path, kind, values):
    """Build the dataclass `kind`, telling a wrong key from a wrong value."""
    allowed = [field.name for field in fields(kind)]
    unknown = set(values or {}) - set(allowed)
    if unknown:
        raise ValueError(f'{path}: unknown key {", ".join(sorted(unknown))}; '
                         f'{kind.__name__} has {", ".join(allowed)}')
    try:
        return kind(**(values or {}))
    except (TypeError, ValueError) as error:
        raise ValueError(f'{path}: {error}') from error
