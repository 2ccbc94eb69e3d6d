"""A runtime file in eight bits: smaller, and faster on a CPU, with nearly the same commands."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
import tempfile

import numpy as np

from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.images.decode import decode, MessageError
from mobile_vla_ros.images.tally import Tally
from mobile_vla_ros.inference.policy import load_policy
from mobile_vla_ros.instruction import normalise
from mobile_vla_ros.preprocessing import IMAGE
from mobile_vla_ros.training.export import finish, prepare

INPUTS = ('image', 'past', 'text')
KEPT = 200  # calls to calibrate on, up to twice as many: neighbours look alike
STEM = '/encoder/stem/'  # how the names of its nodes begin, as `export` writes them


@dataclass(frozen=True)
class Way:
    """What is quantized, and how; the default is the best of those in bench/learning/int8.py."""

    # A convolution in eight bits is only fast with its limit and the sum behind it.
    operators: tuple[str, ...] | None = ('Conv', 'Clip', 'Add', 'Gemm', 'MatMul')  # None: all
    floats: tuple[str, ...] = (STEM,)  # nodes that stay as they are, by how their names begin
    reduce_range: bool = True  # weights of 7 bits: pairs of products overflow AVX2's 16
    activations: str = 'QUInt8'
    weights: str = 'QInt8'


class Calls:
    """What a policy's network is given and gives: some of all calls, evenly spread."""

    def __init__(self, policy):
        """Listen to a policy from now on."""
        self.kept = []  # (inputs by name, commands)
        self._engine, policy.engine = policy.engine, self
        self._number, self._every = 0, 1

    def __call__(self, *given):
        """Run the network."""
        out = self._engine(*given)
        if self._number % self._every == 0:
            self.kept.append((dict(zip(INPUTS, given)), out[0]))
        if len(self.kept) > 2 * KEPT:
            self.kept, self._every = self.kept[::2], 2 * self._every
        self._number += 1
        return out


def observe(path: Path, bags: list[Path], **topics) -> list[tuple[dict, np.ndarray]]:
    """
    Return (what the network is given, the commands it gives) on recorded drives.

    :param topics: as `Bag` takes them.
    :raises ValueError: if no picture can be read with an instruction said before it.
    """
    policy = load_policy(path, 'onnxruntime')
    calls, tally = Calls(policy), Tally()
    for folder in bags:
        policy.reset()
        words, newest_ns = '', 0
        with Bag(folder, **topics) as bag:
            for event in bag.events(('image', 'instruction')):
                if event.kind == 'instruction':
                    words = normalise(event.value)
                elif words and event.stamp_ns > newest_ns:
                    with suppress(MessageError):
                        rgb = tally.read(lambda msg: decode(msg, IMAGE), event.value)
                        policy.plan(rgb, words, event.stamp_ns)
                        newest_ns = event.stamp_ns
    if not calls.kept:
        raise ValueError(f'{", ".join(map(str, bags))}: ' + tally.reason(
            'no picture with an instruction before it; quantizing needs what the robot will see'))
    return calls.kept


def quantize(path: Path, out: Path, inputs: list[dict], way: Way = Way()) -> None:
    """Write the runtime file `path` in eight bits, calibrated on `inputs`, to `out`, sealed."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, quantize_static, QuantType
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left = iter(inputs)

        def get_next(self):
            return next(self.left, None)
    prepare(out)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / 'plain.onnx'
        quant_pre_process(path, plain, skip_symbolic_shape=True)
        quantize_static(
            plain, out, Reader(), per_channel=True, reduce_range=way.reduce_range,
            activation_type=QuantType[way.activations], weight_type=QuantType[way.weights],
            op_types_to_quantize=way.operators, nodes_to_exclude=[
                node.name for node in onnx.load(plain).graph.node
                if node.name.startswith(way.floats)])
    finish(out, load_policy(path, 'onnxruntime').metadata)


def differences(path: Path, calls) -> np.ndarray:
    """Return how far a file's commands are from those of `calls`: (calls, 3), m/s, m/s, rad/s."""
    engine = load_policy(path, 'onnxruntime', 1).engine
    return np.array([np.abs(engine(*given.values())[0] - commands).max((0, 1))
                     for given, commands in calls])
