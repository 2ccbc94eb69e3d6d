"""The whole state of a training after an epoch, so that it goes on as if never interrupted."""

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
import torch

RNG = 'torch_rng'


def save_state(path: Path, purpose: str, model, optimizer, rate, rng: np.random.Generator,
               torch_rngs: torch.Tensor, history: list[dict], best_weights: dict) -> None:
    """
    Write weights, moments, schedule and random states; the old file stands until all is written.

    :param torch_rngs: torch's random state in every process, uint8 (processes, bytes).
    :param purpose: what `load_state` must be given to get it back, of config and data.
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


def load_state(path: Path, purpose: str, model, optimizer, rate, rng: np.random.Generator,
               rank: int) -> tuple[list[dict], dict]:
    """
    Put the state back into what is passed; return the history and the best weights so far.

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

    def part(prefix):
        return {name[len(prefix):]: value for name, value in tensors.items()
                if name.startswith(prefix)}
    model.load_state_dict(part('model.'))
    state = {}
    for name, value in part('optimizer.').items():
        number, key = name.split('.')
        state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({'state': state, 'param_groups': described['groups']})
    rate.load_state_dict(described['rate'])
    rng.bit_generator.state = described['rng']
    torch.set_rng_state(tensors[RNG][rank].clone())  # torch crashes on a part of a tensor
    return described['history'], part('best.')
