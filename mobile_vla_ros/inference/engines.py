"""The engines that run a checkpoint: ONNX Runtime, OpenVINO, torch; each is imported when used."""

from pathlib import Path
import time
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mobile_vla_ros.contract import ContractError
from mobile_vla_ros.models.metadata import KEY

Array = npt.NDArray[Any]
Float = npt.NDArray[np.float32]
FAST_S = 0.006  # a call: one thread that takes no longer leaves the other cores to the robot


class Engine(Protocol):
    """A loaded network, and the metadata that its file carries."""

    name: str
    metadata_json: str

    def __call__(self, image: npt.NDArray[np.uint8], past: Float,
                 text: Float) -> tuple[Float, Float]:
        """
        Run the network on one frame.

        :param image: uint8 (1, IMAGE, IMAGE, 3).
        :param past: float32 (1, ages, memory), what earlier calls returned for earlier images.
        :param text: float32 (1, 512).
        :returns: commands (1, chunk, 3), and the image's own memory (1, memory).
        """


class OnnxRuntime:
    """Runs a runtime file in ONNX Runtime."""

    name = 'onnxruntime'
    PROVIDERS = {'cpu': 'CPUExecutionProvider', 'cuda': 'CUDAExecutionProvider',
                 'tensorrt': 'TensorrtExecutionProvider'}

    def __init__(self, path: Path, content: bytes, threads: int, device: str):
        """
        Load the network.

        :raises ContractError: if ONNX Runtime cannot read the file.
        :raises ValueError: if this ONNX Runtime does not have the device.
        """
        import onnxruntime
        self._provider, available = \
            self.PROVIDERS[device], onnxruntime.get_available_providers()
        if self._provider not in available:
            raise ValueError(f'device {device!r} needs an ONNX Runtime with {self._provider}, '
                             f'this one has {", ".join(available)}; pip install onnxruntime-gpu')
        try:
            self.session = self._open(content, threads or 1)
        except Exception as error:
            raise ContractError(f'{path}: ONNX Runtime refuses it ({error})') from error
        if self.session.get_providers()[0] != self._provider:  # it warns, and takes the CPU
            raise ValueError(f'device {device!r} does not start: its libraries or its driver are '
                             'not here; see what ONNX Runtime wrote above')
        self.metadata_json: str = self.session.get_modelmeta().custom_metadata_map.get(KEY, '')

    def tune(self, content: bytes, *inputs: Array) -> None:
        """Use as many threads as there are cores if one is slow and more are faster."""
        alone = self._seconds(*inputs)
        if alone > FAST_S:
            one, self.session = self.session, self._open(content, 0)
            if self._seconds(*inputs) > 0.9 * alone:
                self.session = one

    def _open(self, content: bytes, threads: int) -> Any:
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that spin between frames would take the cores from everything else on the robot.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        return onnxruntime.InferenceSession(content, options, providers=[self._provider])

    def _seconds(self, *inputs: Array) -> float:
        """Return how long a call takes: the least of ten, which nothing else held up."""
        taken = []
        for _ in range(10):
            started = time.perf_counter()
            self(*inputs)
            taken.append(time.perf_counter() - started)
        return min(taken)

    def __call__(self, image: Array, past: Array, text: Array) -> tuple[Float, Float]:
        """Run the network; as `Engine`."""
        commands, look = self.session.run(None, {'image': image, 'past': past, 'text': text})
        return commands, look


class OpenVino:
    """Runs a runtime file in OpenVINO on the CPU."""

    name = 'openvino'

    def __init__(self, path: Path, content: bytes, threads: int, device: str):
        """
        Load the network.

        :raises ValueError: for another device than the CPU.
        """
        if device != 'cpu':
            raise ValueError(f"backend 'openvino' runs on the cpu only, got device {device!r}")
        import openvino
        core = openvino.Core()
        settings: dict[str, Any] = {
            'PERFORMANCE_HINT': 'LATENCY', 'INFERENCE_PRECISION_HINT': 'f32',
            'ENABLE_CPU_PINNING': False}  # other processes are pinned to the same cores
        if threads:
            settings['INFERENCE_NUM_THREADS'] = threads
        model = core.read_model(content)
        self.metadata_json = str(model.get_rt_info(['framework', KEY]).astype(str)) \
            if model.has_rt_info(['framework', KEY]) else ''
        self.request = core.compile_model(model, 'CPU', settings).create_infer_request()

    def __call__(self, image: Array, past: Array, text: Array) -> tuple[Float, Float]:
        """Run the network; as `Engine`."""
        out = self.request.infer({'image': image, 'past': past, 'text': text})
        commands, look = out.values()
        return commands.copy(), look.copy()


class Torch:
    """Runs weights in torch, slower; for trying a checkpoint that is not exported yet."""

    name = 'torch'

    def __init__(self, path: Path, content: bytes, threads: int, device: str):
        """
        Load the network.

        :raises ContractError: as `read_checkpoint`.
        :raises ValueError: if torch does not have the device.
        """
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

    def __call__(self, image: Array, past: Array, text: Array) -> tuple[Float, Float]:
        """Run the network; as `Engine`."""
        with self.torch.inference_mode():
            commands, look = self.network(*(self.torch.from_numpy(value).to(self.device)
                                            for value in (image, past, text)))
        return commands.cpu().numpy(), look.cpu().numpy()
