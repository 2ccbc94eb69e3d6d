"""A trained checkpoint as a runtime file: image, memory and text in, commands out."""

from collections.abc import Iterator
import inspect
from pathlib import Path
from typing import Any
import warnings

import numpy as np
import onnx
import torch

from mobile_vla_ros.contract import ContractError
from mobile_vla_ros.inference.backends import open_engine
from mobile_vla_ros.inference.engines import Engine
from mobile_vla_ros.models.metadata import KEY, Metadata, seal
from mobile_vla_ros.models.text import encode_text

TOLERANCE = 1e-4
PROBES = ('pass the box on the left and stop at the red bottle',
          '상자 오른쪽으로 지나서 파란 병으로 가', '')


def to_onnx(module: torch.nn.Module, inputs: dict[str, torch.Tensor], outputs: list[str],
            path: Path) -> None:
    """Write `module` to an ONNX file; `inputs` are examples of its arguments by name."""
    # Before torch 2.5 there is no other exporter to choose from.
    classic: dict[str, Any] = {'dynamo': False} \
        if 'dynamo' in inspect.signature(torch.onnx.export).parameters else {}
    with warnings.catch_warnings():
        # The TorchScript exporter needs no package but onnx; its warning announces a successor.
        warnings.simplefilter('ignore')
        torch.onnx.export(module.eval(), tuple(inputs.values()), str(path),
                          input_names=list(inputs), output_names=outputs,
                          opset_version=17, **classic)


def prepare(out: Path) -> None:
    """
    Make the folder of a runtime file.

    :raises ValueError: if the name does not end in .onnx.
    """
    if out.suffix != '.onnx':
        raise ValueError(f'a runtime file ends in .onnx, got {out}')
    out.parent.mkdir(parents=True, exist_ok=True)


def finish(out: Path, metadata: Metadata) -> None:
    """Write the metadata into a runtime file, and seal it."""
    file = onnx.load(str(out))
    onnx.helper.set_model_props(file, {KEY: metadata.to_json()})
    onnx.save(file, str(out))
    seal(out)


def export(checkpoint: Path, out: Path) -> float:
    """
    Write the runtime file of a safetensors checkpoint; return its largest error against torch.

    The error of an output is relative to its largest value where that is above 1.

    :raises ContractError: if an output differs by more than TOLERANCE, or the file is not ours.
    """
    from mobile_vla_ros.models.checkpoint import load_deployed
    prepare(out)
    network, described = load_deployed(checkpoint.read_bytes(), checkpoint)
    metadata = Metadata.from_json(described, checkpoint)
    samples = list(_samples(metadata))
    to_onnx(network, samples[0], ['commands', 'look'], out)
    finish(out, metadata)
    engine, _ = open_engine(out, out.read_bytes(), 'onnxruntime', 0)
    worst = max(_difference(network, engine, sample) for sample in samples)
    if not worst <= TOLERANCE:
        raise ContractError(f'{out}: differs from torch by {worst:.2g}, allowed is {TOLERANCE}')
    return worst


def _samples(metadata: Metadata) -> Iterator[dict[str, torch.Tensor]]:
    rng = np.random.default_rng(0)
    for text in PROBES:
        yield {
            'image': torch.from_numpy(rng.integers(
                0, 256, (1, metadata.image, metadata.image, 3), dtype=np.uint8)),
            'past': torch.from_numpy(rng.normal(
                0, 1, (1, len(metadata.history_s), metadata.memory)).astype(np.float32)),
            'text': torch.from_numpy(encode_text(text)[None])}


def _difference(network: torch.nn.Module, engine: Engine,
                sample: dict[str, torch.Tensor]) -> float:
    with torch.inference_mode():
        ours = network(*sample.values())
    theirs = engine(*(value.numpy() for value in sample.values()))
    # Relative where values are large: a look has no bounds, and noise as input makes it large.
    return max(float(np.abs(a.numpy() - b).max()) / max(1.0, float(a.abs().max()))
               for a, b in zip(ours, theirs))
