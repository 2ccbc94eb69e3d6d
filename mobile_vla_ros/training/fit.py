"""A training and its checkpoint, with what was learned from and how good it is."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from mobile_vla_ros import __version__
from mobile_vla_ros.models.checkpoint import describe, load_model, save_checkpoint
from mobile_vla_ros.models.final_fixed import FinalFixedConfig
from mobile_vla_ros.models.registry import build_model, Config, name_of
from mobile_vla_ros.training.distributed import ProcessGroup
from mobile_vla_ros.training.loop import train, TrainConfig
from mobile_vla_ros.training.shards import digest, Episode, PERIOD_S

GOING_ON = 1.5e-3  # learning rate of a model that has learned already: it must not forget


def fit(episodes: list[Episode], held_out: list[Episode], out: Path, config: TrainConfig,
        model_config: Config | None = None, start: Path | None = None, state: Path | None = None,
        note: Callable[[dict[str, Any]], object] = lambda row: None, last: Path | None = None,
        learned: Iterable[str] = ()) -> dict[str, Any]:
    """
    Train on `episodes`, from the checkpoint `start` if given; write a checkpoint to `out`.

    :param model_config: of any registered model; FinalFixed's defaults if None.
    :param state: as `train` takes it, and so `note`.
    :param last: file for a second checkpoint, with the weights after the last epoch.
    :param learned: digests of the recordings that `start` learned from.
    """
    import torch
    torch.manual_seed(config.seed)
    model = load_model(start)[0] if start else build_model(model_config or FinalFixedConfig())
    result = train(model, episodes, held_out, config, PERIOD_S, state=state, note=note)
    labels = np.concatenate([e.labels[:, e.side, e.color] for e in episodes])
    data = {'digest': digest(episodes), 'episodes': len(episodes), 'frames': len(labels),
            'recordings': sorted({e.recording for e in episodes if e.name} | {*learned}),
            'held_out': sorted({e.recording for e in held_out if e.name}),
            'mean_command': np.round(labels.mean(0), 5).tolist(),
            'least_command': np.round(labels.min(0), 5).tolist(),
            'greatest_command': np.round(labels.max(0), 5).tolist()}
    metrics = {'open_loop': result['best']}
    group = ProcessGroup()
    if group.is_main:
        training = {**asdict(config), 'history': result['history']}

        def save(path: Path, measured: dict[str, Any]) -> None:
            save_checkpoint(path, model, describe(
                name_of(model), model, 1 / PERIOD_S, data=data, metrics=measured,
                training=training, package_version=__version__))
        save(out, metrics)
        if last:
            model.load_state_dict(result['last_weights'])
            save(last, {'open_loop': result['history'][-1]})
    group.barrier()
    return metrics


def add_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Write measured results into a checkpoint's metadata; the weights stay as they are."""
    model, metadata = load_model(path)
    save_checkpoint(path, model, replace(metadata, metrics=metrics))
