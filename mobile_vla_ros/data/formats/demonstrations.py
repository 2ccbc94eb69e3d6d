"""Drives in a bag: pictures, each with the command that followed it, as an export writes them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.bags import Bag, Event
from mobile_vla_ros.data.segments import segments
from mobile_vla_ros.images.decode import decode
from mobile_vla_ros.images.tally import Tally


class Drive(NamedTuple):
    """One instruction carried out; a picture is known by its number in the bag, from 0."""

    instruction: str
    numbers: list[int]
    stamps_ns: list[int]  # when each picture was received
    commands: npt.NDArray[np.floating[Any]]  # (n, 3), m/s, m/s, rad/s: what followed each picture

    def at_rate(self, fps: float) -> 'Drive':
        """Return the drive at `fps`: at every step the nearest picture, which may repeat."""
        times = (np.array(self.stamps_ns) - self.stamps_ns[0]) / NS
        steps = np.arange(int(times[-1] * fps + 1.001)) / fps
        nearest = np.searchsorted((times[1:] + times[:-1]) / 2, steps)
        return Drive(self.instruction, [self.numbers[i] for i in nearest],
                     [self.stamps_ns[i] for i in nearest], self.commands[nearest])

    @property
    def hz(self) -> float:
        """Return the pictures a second, from the median time between two; 0 for one picture."""
        steps = np.diff(self.stamps_ns) / NS
        return float(1 / np.median(steps)) if len(steps) and np.median(steps) > 0 else 0.0


def drives(bag: Bag, instruction: str | None = None, tally: Tally | None = None) -> list[Drive]:
    """
    Return the drives that training would see, each with all of its pictures.

    :param instruction: replaces those recorded.
    :param tally: counts the pictures that cannot be read.
    :raises ValueError: if there is no drive; it says why.
    """
    bag.require(instruction, 'to go with the pictures')
    tally = tally or Tally()

    def place_of(value: tuple[int, int, Any]) -> tuple[int, int]:
        number, at, msg = value
        tally.read(decode, msg)  # one that cannot be read is left out
        return number, at
    demonstrations = [Drive(part.instruction, [number for number, _ in part.images],
                            [at for _, at in part.images], np.array(part.commands, float))
                      for part in segments(_numbered(bag), place_of, 0.0, instruction)]
    if not demonstrations:
        raise ValueError(f'{bag.path}: ' + tally.reason(
            'nobody drives in it while an instruction holds and the camera sees'))
    return demonstrations


def pictures(bag: Bag, numbers: list[int]) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the pictures with these numbers, RGB (height, width, 3); `numbers` never falls."""
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


def _numbered(bag: Bag) -> Iterator[Event]:
    """Yield the events; the value of an image becomes (number, time received in ns, message)."""
    number = 0
    for event in bag.events():
        if event.kind == 'image':
            yield event._replace(value=(number, event.received_ns, event.value))
            number += 1
        else:
            yield event
