"""A checkpoint's file opened by the engine that fits, and refused if it cannot drive."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mobile_vla_ros.contract import BACKENDS, ContractError, DEVICES, RUNTIMES
from mobile_vla_ros.environment.packages import missing
from mobile_vla_ros.inference.engines import Array, Engine, OnnxRuntime, OpenVino, Torch
from mobile_vla_ros.models.metadata import Metadata, verify

KINDS = {'.onnx': RUNTIMES, '.safetensors': ('torch',)}  # what runs which file
ENGINES: dict[str, Callable[[Path, bytes, int, str], Engine]] = {
    'onnxruntime': OnnxRuntime, 'openvino': OpenVino, 'torch': Torch}


def open_engine(path: Path, content: bytes, backend: str, threads: int,
                device: str = 'cpu') -> tuple[Engine, Metadata]:
    """
    Return (engine, metadata) for the file `content` read from `path`.

    :param backend: one of BACKENDS; 'auto' takes the first that runs this kind of file.
    :param threads: 0: one thread, or more where one is slow and more are faster.
    :param device: 'cpu' for every backend; 'cuda' for onnxruntime and torch, 'tensorrt' for
        onnxruntime. What a device cannot do is never silently done on the CPU instead.
    :raises ContractError: if the file is damaged, or its network does not run as its metadata
        says.
    :raises ValueError: for an unknown backend or device, one that cannot run this kind of file,
        or one that is not here.
    """
    if backend not in BACKENDS:
        raise ValueError(f'unknown backend {backend!r}; one of {", ".join(BACKENDS)}')
    if device not in DEVICES:
        raise ValueError(f'unknown device {device!r}; one of {", ".join(DEVICES)}')
    if threads < 0:
        raise ValueError(f'threads must be 0 (automatic) or more, got {threads}')
    if path.suffix not in KINDS:
        raise ContractError(f'{path}: a checkpoint is a .onnx or a .safetensors file; pickles '
                            '(.pth, .pt) are never loaded')
    fitting = KINDS[path.suffix]
    backend = fitting[0] if backend == 'auto' else backend
    if backend not in fitting:
        raise ValueError(f'backend {backend!r} cannot run {path.name}: a {path.suffix} file needs '
                         f'{" or ".join(fitting)}')
    verify(content, path)
    try:
        engine = ENGINES[backend](path, content, threads, device)
    except ImportError as error:
        raise ValueError(f'backend {backend!r} {missing(error)}') from error
    metadata = Metadata.from_json(engine.metadata_json, path)
    inputs = _probe(engine, metadata, path)
    if isinstance(engine, OnnxRuntime) and device == 'cpu' and not threads:
        engine.tune(content, *inputs)
    return engine, metadata


def _probe(engine: Engine, metadata: Metadata, path: Path) -> tuple[Array, Array, Array]:
    """
    Refuse a network that cannot give finite commands, before it can drive anything.

    :returns: the inputs that it was called with.
    """
    image = np.full((1, metadata.image, metadata.image, 3), 127, np.uint8)
    past = np.zeros((1, len(metadata.history_s), metadata.memory), np.float32)
    text = np.zeros((1, metadata.text_width), np.float32)
    try:
        commands, look = engine(image, past, text)
    except Exception as error:  # whatever the engine raises, the file is what's wrong
        first = str(error).splitlines()[0]
        raise ContractError(f'{path}: the network does not run as its metadata says ({first})') \
            from error
    wanted = (1, metadata.chunk, len(metadata.axes))
    if commands.shape != wanted:
        raise ContractError(f'{path}: gives commands of shape {commands.shape}, its metadata '
                            f'says {wanted}')
    if not (np.isfinite(commands).all() and np.isfinite(look).all()):
        raise ContractError(f'{path}: holds weights that are not finite; train it anew')
    return image, past, text
