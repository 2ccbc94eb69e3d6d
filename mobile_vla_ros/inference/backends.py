"""The engines that run a checkpoint: ONNX Runtime, OpenVINO, torch; each loaded only when used."""

from pathlib import Path
import time

import numpy as np

from mobile_vla_ros.contract import ContractError
from mobile_vla_ros.environment.packages import missing
from mobile_vla_ros.errors import first_line
from mobile_vla_ros.models.metadata import KEY, Metadata, verify

RUNTIME = ('onnxruntime', 'openvino')
BACKENDS = ('auto', *RUNTIME, 'torch')
DEVICES = ('cpu', 'cuda', 'tensorrt')
FAST_S = 0.006  # a call: one thread that takes no longer leaves the other cores to the robot


def open_engine(path: Path, content: bytes, backend: str, threads: int, device: str = 'cpu'):
    """
    Return (engine, metadata) for the file `content` read from `path`.

    An engine is called with image uint8 (1, IMAGE, IMAGE, 3), past float32 (1, ages, memory)
    and text float32 (1, 512), and returns commands (1, chunk, 3) and what
    the image leaves behind for later calls (1, memory).

    :param device: 'cpu' for every backend; 'cuda' for onnxruntime and torch, 'tensorrt' for
        onnxruntime. What a device cannot do is never silently done on the CPU instead.
    :raises ValueError: for an unknown backend or device, one that cannot run this kind of file,
        or one that is not here.
    """
    if backend not in BACKENDS:
        raise ValueError(f'unknown backend {backend!r}; one of {", ".join(BACKENDS)}')
    if device not in DEVICES:
        raise ValueError(f'unknown device {device!r}; one of {", ".join(DEVICES)}')
    if threads < 0:
        raise ValueError(f'threads must be 0 (automatic) or more, got {threads}')
    kinds = {'.onnx': RUNTIME, '.safetensors': ('torch',)}
    if path.suffix not in kinds:
        raise ContractError(f'{path}: a checkpoint is a .onnx or a .safetensors file; pickles '
                            '(.pth, .pt) are never loaded')
    backend = kinds[path.suffix][0] if backend == 'auto' else backend
    if backend not in kinds[path.suffix]:
        raise ValueError(f'backend {backend!r} cannot run {path.name}: a {path.suffix} file needs '
                         f'{" or ".join(kinds[path.suffix])}')
    verify(content, path)
    try:
        engine = {'onnxruntime': OnnxRuntime, 'openvino': OpenVino, 'torch': Torch}[backend](
            path, content, threads, device)
    except ImportError as error:
        raise ValueError(f'backend {backend!r} {missing(error)}') from error
    metadata = Metadata.from_json(engine.metadata_json, path)
    inputs = _probe(engine, metadata, path)
    if backend == 'onnxruntime' and device == 'cpu' and not threads:
        engine.tune(content, *inputs)
    return engine, metadata


def _probe(engine, metadata, path) -> tuple:
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
        raise ContractError(f'{path}: the network does not run as its metadata says '
                            f'({first_line(error)})') \
            from error
    wanted = (1, metadata.chunk, len(metadata.axes))
    if commands.shape != wanted:
        raise ContractError(f'{path}: gives commands of shape {commands.shape}, its metadata '
                            f'says {wanted}')
    if not (np.isfinite(commands).all() and np.isfinite(look).all()):
        raise ContractError(f'{path}: holds weights that are not finite; train it anew')
    return image, past, text


class OnnxRuntime:
    """Runs a runtime file in ONNX Runtime."""

    name = 'onnxruntime'
    PROVIDERS = {'cpu': 'CPUExecutionProvider', 'cuda': 'CUDAExecutionProvider',
                 'tensorrt': 'TensorrtExecutionProvider'}

    def __init__(self, path, content, threads, device):
        import onnxruntime
        self._provider, here = self.PROVIDERS[device], onnxruntime.get_available_providers()
        if self._provider not in here:
            raise ValueError(f'device {device!r} needs an ONNX Runtime with {self._provider}, '
                             f'this one has {", ".join(here)}; pip install onnxruntime-gpu')
        try:
            self.session = self._open(content, threads or 1)
        except Exception as error:
            raise ContractError(f'{path}: ONNX Runtime refuses it ({error})') from error
        if self.session.get_providers()[0] != self._provider:  # it warns, and takes the CPU
            raise ValueError(f'device {device!r} does not start: its libraries or its driver are '
                             'not here; see what ONNX Runtime wrote above')
        self.metadata_json = self.session.get_modelmeta().custom_metadata_map.get(KEY, '')

    def tune(self, content, *inputs) -> None:
        """Take as many threads as there are cores where one is slow and they are faster."""
        alone = self._seconds(*inputs)
        if alone > FAST_S:
            one, self.session = self.session, self._open(content, 0)
            if self._seconds(*inputs) > 0.9 * alone:
                self.session = one

    def _open(self, content, threads):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that spin between frames would take the cores from everything else on the robot.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        return onnxruntime.InferenceSession(content, options, providers=[self._provider])

    def _seconds(self, *inputs) -> float:
        """Return how long a call takes: the least of ten, which nothing else held up."""
        taken = []
        for _ in range(10):
            started = time.perf_counter()
            self(*inputs)
            taken.append(time.perf_counter() - started)
        return min(taken)

    def __call__(self, image, past, text):
        commands, look = self.session.run(None, {'image': image, 'past': past, 'text': text})
        return commands, look


class OpenVino:
    """Runs a runtime file in OpenVINO on the CPU."""

    name = 'openvino'

    def __init__(self, path, content, threads, device):
        if device != 'cpu':
            raise ValueError(f"backend 'openvino' runs on the cpu only, got device {device!r}")
        import openvino
        core = openvino.Core()
        settings = {'PERFORMANCE_HINT': 'LATENCY', 'INFERENCE_PRECISION_HINT': 'f32',
                    'ENABLE_CPU_PINNING': False}  # other processes are pinned to the same cores
        if threads:
            settings['INFERENCE_NUM_THREADS'] = threads
        model = core.read_model(content)
        self.metadata_json = str(model.get_rt_info(['framework', KEY]).astype(str)) \
            if model.has_rt_info(['framework', KEY]) else ''
        self.request = core.compile_model(model, 'CPU', settings).create_infer_request()

    def __call__(self, image, past, text):
        out = self.request.infer({'image': image, 'past': past, 'text': text})
        commands, look = out.values()
        return commands.copy(), look.copy()


class Torch:
    """Runs weights in torch, slower; for trying a checkpoint that is not exported yet."""

    name = 'torch'

    def __init__(self, path, content, threads, device):
        import torch
        from mobile_vla_ros.models.checkpoint import load_deployed
        if device == 'tensorrt':
            raise ValueError("device 'tensorrt' needs backend 'onnxruntime', got 'torch'")
        if device == 'cuda' and not torch.cuda.is_available():
            raise ValueError(f"device 'cuda': torch {torch.__version__} finds no GPU here")
        if threads:
            torch.set_num_threads(threads)
        self.torch, self.device = torch, device
        network, self.metadata_json = load_deployed(content, path)
        self.network = network.to(device)

    def __call__(self, image, past, text):
        with self.torch.inference_mode():
            out = self.network(*(self.torch.from_numpy(value).to(self.device)
                                 for value in (image, past, text)))
        return tuple(value.cpu().numpy() for value in out)
