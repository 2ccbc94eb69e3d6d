"""Checkpoints: safetensors whose metadata rebuilds the model; and the network as deployed."""

from dataclasses import asdict
import json
from pathlib import Path
from typing import Any

import torch
from torch import nn
from safetensors import SafetensorError
from safetensors.torch import load, save

from mobile_vla_ros.contract import ContractError
from mobile_vla_ros.models import text, vision
from mobile_vla_ros.models.metadata import KEY, Metadata, seal, verify
from mobile_vla_ros.models.registry import make_model, Model


class Deployed(nn.Module):
    """The frozen encoder and a trained model in one, as a runtime file holds them."""

    def __init__(self, model: Model):
        super().__init__()
        self.encoder, self.model = vision.EfficientNetLite0Grid(), model

    def forward(self, image: torch.Tensor, past: torch.Tensor,
                text: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Take image (1, IMAGE, IMAGE, 3) uint8, past (1, ages, memory) and text (1, 512).

        :returns: commands (1, chunk, 3), and what is kept of the image (1, memory).
        """
        commands, look = self.model(self.encoder(image), past, text)
        return commands, look


def describe(name: str, model: Model, rate_hz: float, **more: Any) -> Metadata:
    """Return the metadata of `model`; `more` is data, training, metrics and package_version."""
    config = model.config
    return Metadata(model=name, config=asdict(config), rate_hz=rate_hz, chunk=config.chunk,
                    history_s=config.history_s, memory=model.memory,
                    vision=vision.NAME, text=text.NAME, text_width=text.WIDTH, **more)


def save_checkpoint(path: Path, model: Model, metadata: Metadata) -> None:
    """Write the trained weights and their metadata, sealed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    path.write_bytes(save(weights, {KEY: metadata.to_json()}))
    seal(path)


def read_checkpoint(content: bytes, path: Path) -> tuple[Model, str]:
    """
    Rebuild (model, metadata as JSON) from the bytes of a safetensors file.

    :raises ContractError: if it is damaged, not finite or not for this package.
    """
    verify(content, path)
    size = int.from_bytes(content[:8], 'little')
    try:
        header = json.loads(content[8:8 + size])
        described = header['__metadata__'][KEY]
        weights = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ContractError(f'{path}: not a checkpoint of this package ({error!r})') from error
    metadata = Metadata.from_json(described, path)
    for name, ours in (('vision', vision.NAME), ('text', text.NAME)):
        theirs = getattr(metadata, name)
        if theirs != ours:
            raise ContractError(f'{path}: needs the {name} encoder {theirs!r:.80}, '
                                f'this package has {ours!r}')
    if not all(torch.isfinite(value).all() for value in weights.values()):
        raise ContractError(f'{path}: holds weights that are not finite; train it anew')
    try:
        with torch.device('meta'):  # shapes without memory: the file's must be the config's
            wanted = make_model(metadata.model, metadata.config).state_dict()
    except ContractError as error:
        raise ContractError(f'{path}: {error}') from error
    for name, value in wanted.items():
        if name not in weights or weights[name].shape != value.shape:
            held = tuple(weights[name].shape) if name in weights else 'missing'
            raise ContractError(f'{path}: its weights are not those of its config ({name} is '
                                f'{held}, its config says {tuple(value.shape)})')
    model = make_model(metadata.model, metadata.config)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ContractError(f'{path}: its weights are not those of its config '
                            f'({str(error).splitlines()[-1].strip()})') from error
    return model.eval(), described


def load_model(path: Path) -> tuple[Model, Metadata]:
    """
    Read a trained model, without its encoder, from a safetensors file.

    :raises FileNotFoundError: if there is none; as `read_checkpoint` otherwise.
    """
    model, described = read_checkpoint(path.read_bytes(), path)
    return model, Metadata.from_json(described, path)


def load_deployed(content: bytes, path: Path) -> tuple[Deployed, str]:
    """Return (encoder and model in one, metadata as JSON) of a safetensors file's bytes."""
    model, described = read_checkpoint(content, path)
    return Deployed(model).eval(), described
