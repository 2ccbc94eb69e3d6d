"""The frozen encoder outside torch, for recording fast, and a policy on its features."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import openvino

from mobile_vla_ros.models.text import encode_text
from mobile_vla_ros.preprocessing import history_frames, IMAGE, preprocess


def exported(folder) -> Path:
    """Return the encoder's file in `folder`; it is written once."""
    path = Path(folder) / f'encoder-{IMAGE}.onnx'  # a dataset may outlive a version
    if not path.exists():
        import torch
        from mobile_vla_ros.models.vision import EfficientNetLite0Grid
        from mobile_vla_ros.training.export import to_onnx
        image = torch.zeros(1, IMAGE, IMAGE, 3, dtype=torch.uint8)
        new = path.with_suffix('.new.onnx')
        to_onnx(EfficientNetLite0Grid(), {'image': image}, ['grid'], new)
        new.replace(path)  # an interrupted build leaves none, not a part of one
    return path


@lru_cache(maxsize=1)  # to load it takes as long as some fifty pictures
def shared_encoder(folder) -> 'Encoder':
    """Return the one Encoder of this process and folder."""
    return Encoder(folder)


class Encoder:
    """uint8 RGB of any size -> grid float32 (C, G, G); exports itself into `folder` once."""

    def __init__(self, folder):
        path = exported(folder)
        core = openvino.Core()
        # Pinned, the threads of several processes would share one core.
        settings = {'INFERENCE_NUM_THREADS': 1, 'INFERENCE_PRECISION_HINT': 'f32',
                    'ENABLE_CPU_PINNING': False}
        self.request = core.compile_model(core.read_model(str(path)), 'CPU',
                                          settings).create_infer_request()

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """Return the grid of one image."""
        return self.request.infer({'image': preprocess(rgb)[None]})[0][0].copy()


class GridPolicy:
    """A torch checkpoint that drives on cached features while corrections are recorded."""

    def __init__(self, checkpoint):
        import torch
        from mobile_vla_ros.models.checkpoint import load_model
        torch.set_num_threads(1)
        self.torch, self.model = torch, load_model(Path(checkpoint))[0]
        self.reset()

    def reset(self) -> None:
        """Forget the earlier frames."""
        self.looks, self.stamps = [], []

    def __call__(self, grid: np.ndarray, instruction: str, time_s: float):
        """Return the command for the newest grid (C, G, G)."""
        from mobile_vla_ros.contract import Command
        self.stamps.append(round(time_s * 1e9))
        earlier = history_frames(self.stamps, self.stamps[-1], self.model.config.history_s)
        with self.torch.inference_mode():
            words = self.model.listen(self.torch.from_numpy(encode_text(instruction)[None]))
            self.looks.append(self.model.look(self.torch.from_numpy(grid[None]), words)[0])
            looks = self.torch.stack([self.looks[i] for i in [-1, *earlier]])[None]
            return Command(*self.model.act(looks, words)[0, 0].tolist())
