"""What every part of the package agrees on: commands, plans and the action convention."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

AXES = ('linear_x', 'linear_y', 'angular_z')
UNITS = ('m/s', 'm/s', 'rad/s')
CONVENTION = 'REP-103'
# Frames of REP-105 and REP-103: the base's, its camera's (z forward, x right), its scanner's.
BASE_FRAME, CAMERA_FRAME, LASER_FRAME = 'base_link', 'camera_optical_frame', 'laser_frame'
NS = 1_000_000_000
DISTANCES = ('close', 'medium', 'far')  # how far the obstacle is, as recordings are labelled
RUNTIMES = ('onnxruntime', 'openvino')  # what runs a .onnx file, the one that 'auto' takes first
BACKENDS = ('auto', 'torch', *RUNTIMES)
DEVICES = ('cpu', 'cuda', 'tensorrt')


class ContractError(ValueError):
    """A checkpoint, or a value in it, does not match what this package runs."""


class Command(NamedTuple):
    """A velocity of the base in its own frame: x forward, y left, yaw counter-clockwise."""

    linear_x: float = 0.0  # m/s
    linear_y: float = 0.0  # m/s
    angular_z: float = 0.0  # rad/s

    @property
    def speed(self) -> float:
        """Return how fast the base's centre moves, m/s."""
        return math.hypot(self.linear_x, self.linear_y)


STOP = Command()


class Plan:
    """Future commands at a steady rate, of which those whose time is past are skipped."""

    def __init__(self, commands: npt.NDArray[np.floating[Any]], start_ns: int,
                 period_ns: int) -> None:
        """
        Take `commands` (T, 3) in AXES order; the first is in effect from `start_ns` on.

        :raises ContractError: if the shape is another or the period is not positive.
        """
        if commands.ndim != 2 or commands.shape[1] != len(AXES) or not len(commands):
            raise ContractError(f'a plan has shape (T, 3) with T >= 1, got {commands.shape}')
        if period_ns <= 0:
            raise ContractError(f'a plan needs a period > 0 ns, got {period_ns}')
        self.commands = commands
        self.start_ns = start_ns
        self.period_ns = period_ns

    def at(self, now_ns: int) -> Command:
        """Return the command in effect at `now_ns`; the last one after the plan's end."""
        step = (now_ns - self.start_ns) // self.period_ns
        row = self.commands[min(max(step, 0), len(self.commands) - 1)]
        return Command(*(float(value) for value in row))
