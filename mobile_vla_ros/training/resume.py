"""The whole state of a training after an epoch: it goes on as if it was never interrupted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

RNG = 'torch_rng'


Weights = dict[str, torch.Tensor]
History = list[dict[str, Any]]  # a row for every epoch


def save_state(path: Path, purpose: str, model: nn.Module, optimizer: Optimizer,
               rate: LRScheduler, rng: np.random.Generator, torch_rngs: torch.Tensor,
               history: History, best_weights: Weights) -> None:
    """
    Write weights, moments, schedule and random states; the old file stays until all is written.

    :param torch_rngs: torch's random state in every process, uint8 (processes, bytes).
    :param purpose: the config and data; `load_state` must be given the same.
    """
    moments = optimizer.state_dict()
    tensors = {f'model.{name}': value for name, value in model.state_dict().items()}
    tensors |= {f'best.{name}': value for name, value in best_weights.items()}
    tensors |= {f'optimizer.{i}.{name}': value for i, state in moments['state'].items()
                for name, value in state.items()}
    tensors[RNG] = torch_rngs
    described = {'purpose': purpose, 'groups': moments['param_groups'],
                 'rate': rate.state_dict(), 'rng': rng.bit_generator.state, 'history': history}
    new = path.with_suffix('.new')
    new.write_bytes(save({name: value.contiguous().clone() for name, value in tensors.items()},
                         {'state': json.dumps(described)}))
    new.replace(path)


def load_state(path: Path, purpose: str, model: nn.Module, optimizer: Optimizer,
               rate: LRScheduler, rng: np.random.Generator,
               rank: int) -> tuple[History, Weights]:
    """
    Restore the state of the arguments; return the history and the best weights so far.

    :raises ValueError: if the file is damaged, or of another config or other data.
    """
    try:
        with safe_open(path, 'pt') as file:
            described = json.loads(file.metadata()['state'])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, TypeError, KeyError, ValueError) as error:
        raise ValueError(f'{path}: not the state of a training ({error}); delete it to start '
                         'anew') from error
    if described['purpose'] != purpose:
        raise ValueError(f'{path}: of another training ({described["purpose"]}, now {purpose}); '
                         'leave --resume out to start anew')

    def part(prefix: str) -> Weights:
        return {name[len(prefix):]: value for name, value in tensors.items()
                if name.startswith(prefix)}
    model.load_state_dict(part('model.'))
    state: dict[int, Weights] = {}
    for name, value in part('optimizer.').items():
        number, key = name.split('.')
        state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({'state': state, 'param_groups': described['groups']})
    rate.load_state_dict(described['rate'])
    rng.bit_generator.state = described['rng']
    torch.set_rng_state(tensors[RNG][rank].clone())  # torch crashes on a part of a tensor
    return described['history'], part('best.')
