"""The frozen encoder without torch, to record fast, and a policy that drives on its features."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from mobile_vla_ros.contract import Command
from mobile_vla_ros.models.text import encode_text
from mobile_vla_ros.preprocessing import history_frames, IMAGE, preprocess


def export_encoder(folder: str | Path) -> Path:
    """Return the encoder's file in `folder`; write it if it is not there."""
    path = Path(folder) / f'encoder-{IMAGE}.onnx'  # datasets live longer than versions
    if not path.exists():
        import torch
        from mobile_vla_ros.models.vision import EfficientNetLite0Grid
        from mobile_vla_ros.training.export import to_onnx
        image = torch.zeros(1, IMAGE, IMAGE, 3, dtype=torch.uint8)
        new = path.with_suffix('.new.onnx')
        to_onnx(EfficientNetLite0Grid(), {'image': image}, ['grid'], new)
        new.replace(path)  # an interrupted build leaves no incomplete file
    return path


@lru_cache(maxsize=1)  # loading it takes as long as encoding fifty pictures
def shared_encoder(folder: str | Path) -> 'Encoder':
    """Return the Encoder that this process shares."""
    return Encoder(folder)


class Encoder:
    """Turns uint8 RGB of any size into a grid float32 (C, G, G)."""

    def __init__(self, folder: str | Path):
        """Load the encoder's file in `folder`; write it if it is not there."""
        path = export_encoder(folder)
        core = openvino.Core()
        # Pinned, the threads of several processes would share one core.
        settings = {'INFERENCE_NUM_THREADS': 1, 'INFERENCE_PRECISION_HINT': 'f32',
                    'ENABLE_CPU_PINNING': False}
        self.request = core.compile_model(core.read_model(str(path)), 'CPU',
                                          settings).create_infer_request()

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """Return the grid of one image."""
        grid: np.ndarray = self.request.infer({'image': preprocess(rgb)[None]})[0][0].copy()
        return grid


class GridPolicy:
    """A torch checkpoint that drives on cached features while corrections are recorded."""

    def __init__(self, checkpoint: str | Path):
        """Load a .safetensors checkpoint."""
        import torch
        from mobile_vla_ros.models.checkpoint import load_model
        torch.set_num_threads(1)
        self.torch, self.model = torch, load_model(Path(checkpoint))[0]
        self.reset()

    def reset(self) -> None:
        """Forget the earlier frames."""
        self.looks: list[Any] = []  # tensors (memory,), oldest first
        self.stamps: list[int] = []  # ns

    def __call__(self, grid: np.ndarray, instruction: str, time_s: float) -> Command:
        """Return the command for the newest grid (C, G, G)."""
        self.stamps.append(round(time_s * 1e9))
        earlier = history_frames(self.stamps, self.stamps[-1], self.model.config.history_s)
        with self.torch.inference_mode():
            words = self.model.listen(self.torch.from_numpy(encode_text(instruction)[None]))
            self.looks.append(self.model.look(self.torch.from_numpy(grid[None]), words)[0])
            looks = self.torch.stack([self.looks[i] for i in [-1, *earlier]])[None]
            return Command(*self.model.act(looks, words)[0, 0].tolist())
