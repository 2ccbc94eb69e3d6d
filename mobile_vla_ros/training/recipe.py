"""A shipped checkpoint, from seeds alone: record, train, correct, train again, export, score."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
import json
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """Which model, and how much of everything; the defaults make the default checkpoint."""

    model: str = 'final_fixed'
    teacher: int = 320  # episodes
    rounds: int = 2  # of corrections, each driven by the policy before
    corrections: int = 100  # episodes of a round: a policy drives, the teacher labels
    held_out: int = 30  # episodes of the validation split
    first_epochs: int = 8
    round_epochs: int = 5
    last_epochs: int = 14
    score: int = 300  # closed-loop episodes of the test split, for the metadata
    processes: int = 2
    seed: int = 0


def build(recipe: Recipe, work: Path, out: Path,
          score: Callable[[Path, Sequence[int], int], dict[str, Any]],
          say: Callable[[str], object] = print) -> dict[str, Any]:
    """
    Write `out`.safetensors and `out`.onnx; return the metrics that they carry.

    Shards in `work` are kept and used again, so an interrupted build goes on. All models share
    the teacher's drives, and each has corrections of its own driving.

    :param score: (runtime file, scene seeds, processes) -> rates of driving in closed loop.
    :raises ValueError: for an unknown model.
    """
    # Here, so that a recipe can be shown without torch and a simulator.
    from mobile_vla_ros.models.registry import config_class, MODELS
    from mobile_vla_ros.sim.seeds import TEST, TRAIN, VALIDATION
    from mobile_vla_ros.training.collect import collect
    from mobile_vla_ros.training.export import export
    from mobile_vla_ros.training.fit import add_metrics, fit, GOING_ON
    from mobile_vla_ros.training.loop import TrainConfig
    from mobile_vla_ros.training.shards import read_shards
    if recipe.model not in MODELS:
        raise ValueError(f'unknown model {recipe.model!r}; one of {", ".join(MODELS)}')
    held_out, teacher, own = work / 'held_out', work / 'teacher', work / recipe.model
    collect(held_out, VALIDATION[:recipe.held_out], recipe.processes)
    collect(teacher, TRAIN[:recipe.teacher], recipe.processes)
    final, start, folders = out.with_suffix('.safetensors'), None, [teacher]
    for n in range(recipe.rounds + 1):
        last = n == recipe.rounds
        policy = final if last else own / f'policy{n}.safetensors'
        if last or not policy.exists():
            say(f'policy {n + 1} of {recipe.rounds + 1}')
            epochs = recipe.last_epochs if last else \
                recipe.round_epochs if n else recipe.first_epochs
            config = TrainConfig(epochs=epochs, seed=recipe.seed, threads=1)
            metrics = fit(read_shards(*folders), read_shards(held_out), policy,
                          replace(config, learning_rate=GOING_ON) if start else config,
                          config_class(recipe.model)(), start)
        if not last:
            first = recipe.teacher + n * recipe.corrections
            folders.append(own / f'corrections{n + 1}')
            collect(folders[-1], TRAIN[first:first + recipe.corrections], recipe.processes, policy)
        start = policy
    runtime = out.with_suffix('.onnx')
    export(final, runtime)
    say(f'closed loop on {recipe.score} test scenes')
    metrics['closed_loop'] = {'first_seed': TEST.start, 'episodes': recipe.score,
                              **score(runtime, TEST[:recipe.score], recipe.processes)}
    add_metrics(final, metrics)
    metrics['export_error'] = export(final, runtime)
    (own / 'metrics.json').write_text(json.dumps(metrics, indent=1))
    return metrics
