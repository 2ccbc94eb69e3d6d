"""From a checkpoint to commands: what training measures, and replay, benchmark and robot drive."""

from collections import deque
import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mobile_vla_ros.contract import Command, ContractError, NS, Plan
from mobile_vla_ros.environment.share import share_file
from mobile_vla_ros.inference import backends
from mobile_vla_ros.inference.engines import Engine, Float
from mobile_vla_ros.models.metadata import Metadata
from mobile_vla_ros.models.text import encode_text, NAME as TEXT_ENCODER
from mobile_vla_ros.preprocessing import history_frames, preprocess

DEFAULT = ('checkpoints', 'default.onnx')
FRAMES_KEPT_S = 0.3  # beyond the oldest age that the model looks back to


def load_policy(path: str | Path | None = None, backend: str = 'auto', threads: int = 0,
                device: str = 'cpu') -> 'Policy':
    """
    Load a checkpoint, the shipped one if `path` is None or empty.

    :param backend: 'auto', 'onnxruntime' or 'openvino' for a runtime file (.onnx), 'torch' for
        weights (.safetensors).
    :param threads: for inference; 0: one, or more where one is slow and they are faster.
    :param device: 'cpu', 'cuda' or 'tensorrt', as `backends.open_engine` takes it.
    :raises FileNotFoundError: if there is no such file.
    :raises ContractError: if it is damaged, holds values that are not finite, or doesn't match.
    :raises ValueError: for an unknown backend or device, or one that can't run this file.
    """
    file = Path(path) if path else share_file(*DEFAULT)
    if not file.is_file():
        raise FileNotFoundError(f'no checkpoint at {file}; leave it out for the shipped one')
    content = file.read_bytes()
    engine, metadata = backends.open_engine(file, content, backend, threads, device)
    encode_text('go')  # loads the encoder now, not when the first instruction waits for it
    return Policy(engine, metadata, hashlib.sha256(content).hexdigest())


class Policy:
    """Commands from images and an instruction; keeps about a second of earlier frames."""

    def __init__(self, engine: Engine, metadata: Metadata, sha256: str = '') -> None:
        """
        Take what `load_policy` has opened.

        :raises ContractError: for a text encoder that this package does not have.
        """
        if metadata.text != TEXT_ENCODER:
            raise ContractError(f'the checkpoint needs the text encoder {metadata.text!r:.80}, '
                                f'this package has {TEXT_ENCODER!r}')
        self.engine, self.metadata, self.sha256 = engine, metadata, sha256
        self.backend = engine.name
        self._text = ('', encode_text(''))
        self._frames: deque[tuple[int, Float]] = deque()  # (stamp_ns, look), oldest first

    def reset(self) -> None:
        """Forget the earlier frames, as before a new episode."""
        self._frames.clear()

    def plan(self, rgb: npt.NDArray[np.uint8], instruction: str, stamp_ns: int) -> Plan:
        """
        Return the commands from `stamp_ns` on.

        :param rgb: uint8 (height, width, 3) of any size.
        :raises ValueError: for another kind of image, or a stamp older than the last one.
        """
        image = preprocess(rgb)
        if self._frames and stamp_ns < self._frames[-1][0]:
            raise ValueError(f'stamp {stamp_ns} ns is older than the last one '
                             f'({self._frames[-1][0]} ns); call reset() for a new episode')
        if instruction != self._text[0]:
            self._text = (instruction, encode_text(instruction))
            self._frames.clear()  # what was seen then was seen with another task in mind
        text = self._text[1][None]
        if not self._frames:  # the first frame stands for those before it
            nothing = np.zeros((1, len(self.metadata.history_s), self.metadata.memory), np.float32)
            self._remember(stamp_ns, self.engine(image[None], nothing, text)[1][0])
        commands, look = self.engine(image[None], self._past(stamp_ns), text)
        self._remember(stamp_ns, look[0])
        return Plan(commands[0], stamp_ns, round(NS / self.metadata.rate_hz))

    def act(self, rgb: npt.NDArray[np.uint8], instruction: str, stamp_ns: int) -> Command:
        """Return the command at `stamp_ns`; as `plan`, of which it is the first step."""
        return self.plan(rgb, instruction, stamp_ns).at(stamp_ns)

    def _past(self, stamp_ns: int) -> Float:
        stamps = [stamp for stamp, _ in self._frames]
        rows = history_frames(stamps, stamp_ns, self.metadata.history_s)
        return np.stack([self._frames[row][1] for row in rows])[None]  # (1, ages, memory)

    def _remember(self, stamp_ns: int, look: Float) -> None:
        if self._frames and self._frames[-1][0] == stamp_ns:
            self._frames.pop()
        self._frames.append((stamp_ns, look))
        oldest = stamp_ns - round((max(self.metadata.history_s) + FRAMES_KEPT_S) * NS)
        while self._frames[0][0] < oldest and len(self._frames) > 1:
            self._frames.popleft()
