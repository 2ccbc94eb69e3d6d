"""A runtime file in eight bits: smaller, and faster on a CPU, with nearly the same commands."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
import tempfile
from typing import Any

import numpy as np

from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.errors import MessageError
from mobile_vla_ros.images.decode import decode
from mobile_vla_ros.images.tally import Tally
from mobile_vla_ros.inference.engines import Array, Engine
from mobile_vla_ros.inference.policy import load_policy
from mobile_vla_ros.instruction import normalise
from mobile_vla_ros.preprocessing import IMAGE
from mobile_vla_ros.training.export import finish, prepare

KEPT = 200  # calls to calibrate on, at least; up to twice as many are kept
STEM = '/encoder/stem/'  # how the names of the stem's nodes begin, as `export` writes them
Call = tuple[dict[str, Array], Array]  # inputs by name, and the commands


@dataclass(frozen=True)
class QuantizeConfig:
    """What is quantized, and how; the defaults are the best of bench/learning/int8.py."""

    # A convolution in eight bits is only fast with its limit and the sum behind it.
    operators: tuple[str, ...] | None = ('Conv', 'Clip', 'Add', 'Gemm', 'MatMul')  # None: all
    floats: tuple[str, ...] = (STEM,)  # how the names of nodes begin that stay in floats
    reduce_range: bool = True  # weights of 7 bits: pairs of products overflow AVX2's 16
    activations: str = 'QUInt8'
    weights: str = 'QInt8'


class CallRecorder:
    """An engine that runs another one, and keeps some of its calls, evenly spread."""

    def __init__(self, engine: Engine):
        """Take the engine to run."""
        self.name, self.metadata_json = engine.name, engine.metadata_json
        self.kept: list[Call] = []
        self._engine = engine
        self._number, self._every = 0, 1

    def __call__(self, image: Array, past: Array, text: Array) -> tuple[Array, Array]:
        """Run the network; as `Engine`."""
        commands, look = self._engine(image, past, text)
        if self._number % self._every == 0:
            self.kept.append(({'image': image, 'past': past, 'text': text}, commands))
        if len(self.kept) > 2 * KEPT:
            self.kept, self._every = self.kept[::2], 2 * self._every
        self._number += 1
        return commands, look


def record_calls(path: Path, bags: list[Path], **topics: Any) -> list[Call]:
    """
    Return some of a network's calls on recorded drives: its inputs and its commands.

    :param topics: as `Bag` takes them.
    :raises ValueError: if no readable picture comes after an instruction.
    """
    policy = load_policy(path, 'onnxruntime')
    policy.engine = calls = CallRecorder(policy.engine)
    tally = Tally()
    for folder in bags:
        policy.reset()
        instruction, newest_ns = '', 0
        with Bag(folder, **topics) as bag:
            for event in bag.events(('image', 'instruction')):
                if event.kind == 'instruction':
                    instruction = normalise(event.value)
                elif instruction and event.stamp_ns > newest_ns:
                    with suppress(MessageError):
                        rgb = tally.read(lambda msg: decode(msg, IMAGE), event.value)
                        policy.plan(rgb, instruction, event.stamp_ns)
                        newest_ns = event.stamp_ns
    if not calls.kept:
        raise ValueError(f'{", ".join(map(str, bags))}: ' + tally.reason(
            'no picture with an instruction before it; quantizing needs what the robot will see'))
    return calls.kept


def quantize(path: Path, out: Path, inputs: list[dict[str, Array]],
             config: QuantizeConfig = QuantizeConfig()) -> None:
    """Write the runtime file `path` in eight bits to `out`, sealed, calibrated on `inputs`."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, quantize_static, QuantType
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(inputs)

        def get_next(self) -> dict[str, Array] | None:
            return next(self.left, None)
    prepare(out)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / 'plain.onnx'
        quant_pre_process(path, plain, skip_symbolic_shape=True)
        quantize_static(
            plain, out, Reader(), per_channel=True, reduce_range=config.reduce_range,
            activation_type=QuantType[config.activations], weight_type=QuantType[config.weights],
            op_types_to_quantize=config.operators, nodes_to_exclude=[
                node.name for node in onnx.load(plain).graph.node
                if node.name.startswith(config.floats)])
    finish(out, load_policy(path, 'onnxruntime').metadata)


def differences(path: Path, calls: Iterable[Call]) -> np.ndarray:
    """Return the largest differences from the commands of `calls`: (calls, 3), m/s, rad/s."""
    engine = load_policy(path, 'onnxruntime', 1).engine
    return np.array([np.abs(engine(**inputs)[0] - commands).max((0, 1))
                     for inputs, commands in calls])
