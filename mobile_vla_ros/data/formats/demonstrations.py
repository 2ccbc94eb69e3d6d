"""A bag as pictures, each with the command that answers it: what an export writes."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.data.segments import segments
from mobile_vla_ros.images.decode import decode
from mobile_vla_ros.images.tally import Tally


class Drive(NamedTuple):
    """One instruction carried out; its pictures are named by their number in the bag."""

    instruction: str
    numbers: list[int]
    stamps_ns: list[int]  # when each picture was received
    commands: np.ndarray  # (n, 3), m/s, m/s, rad/s: the first after each picture

    def at_rate(self, fps: float) -> 'Drive':
        """Return it at `fps`: at every step the picture nearest to it, some twice if need be."""
        times = (np.array(self.stamps_ns) - self.stamps_ns[0]) / NS
        steps = np.arange(int(times[-1] * fps + 1.001)) / fps
        nearest = np.searchsorted((times[1:] + times[:-1]) / 2, steps)
        return Drive(self.instruction, [self.numbers[i] for i in nearest],
                     [self.stamps_ns[i] for i in nearest], self.commands[nearest])

    @property
    def hz(self) -> float:
        """Return the pictures a second, by their median distance; 0 for a single one."""
        steps = np.diff(self.stamps_ns) / NS
        return float(1 / np.median(steps)) if len(steps) and np.median(steps) > 0 else 0.0


def drives(bag: Bag, instruction: str | None = None, tally: Tally | None = None) -> list[Drive]:
    """
    Return the drives that training would see, with all of their pictures.

    :param instruction: instead of those recorded.
    :param tally: of the pictures that cannot be read.
    :raises ValueError: if there is none, saying why.
    """
    bag.require(instruction, 'to go with the pictures')
    tally = tally or Tally()

    def readable(value):
        number, at, msg = value
        tally.read(decode, msg)
        return number, at
    found = [Drive(part.instruction, *map(list, zip(*part.images)),
                   np.array(part.commands, float))
             for part in segments(_numbered(bag), readable, 0.0, instruction)]
    if not found:
        raise ValueError(f'{bag.path}: ' + tally.reason(
            'nobody drives in it while an instruction holds and the camera sees'))
    return found


def pictures(bag: Bag, numbers: list[int]) -> Iterator[np.ndarray]:
    """Yield the pictures of these numbers, RGB uint8 (height, width, 3); `numbers` must rise."""
    wanted = iter(numbers)
    number = next(wanted, None)
    for event in _numbered(bag):
        if event.kind == 'image' and event.value[0] == number:
            rgb = decode(event.value[2])
            while number == event.value[0]:
                yield rgb
                number = next(wanted, None)
            if number is None:
                return


def _numbered(bag):
    number = 0
    for event in bag.events():
        if event.kind == 'image':
            yield event._replace(value=(number, event.received_ns, event.value))
            number += 1
        else:
            yield event
