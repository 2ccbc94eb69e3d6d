"""Write bags in formats of other programs: a target takes the drives of each bag."""

from collections.abc import Callable, Mapping
from pathlib import Path
import shutil
from typing import Protocol

from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.data.formats import hdf5, lerobot
from mobile_vla_ros.data.formats.demonstrations import drives, pictures
from mobile_vla_ros.images.tally import Tally


class Target(Protocol):
    """Writes the drives of bags into the folder `out`."""

    out: Path
    drives: int  # written
    notes: list[str]  # what is odd about the pictures of each bag

    @property
    def frames(self) -> int:
        """Return how many frames were written."""

    def take(self, bag: Bag, instruction: str | None, tally: Tally) -> None:
        """Write the drives of a bag."""

    def close(self) -> None:
        """Complete what was written."""


def open_target(kind: str, out: Path, fps: int | None = None) -> Target:
    """
    Return the target that writes `kind`, one of TARGETS, into the folder `out`.

    :raises ValueError: if `out` already exists, a package is missing, or `fps` is wrong.
    """
    if fps is not None and not 1 <= fps <= 100:
        raise ValueError(f'--fps must be within 1..100, got {fps}')
    if out.exists():
        raise ValueError(f'{out} already exists; name a new folder')
    return TARGETS[kind](out, fps)


def export(bags: list[Path], target: Target, instruction: str | None = None,
           topics: Mapping[str, str | None] | None = None,
           done: Callable[[], object] = lambda: None) -> list[str]:
    """
    Write every bag; return, for each bag that was refused, why.

    :param instruction: replaces those recorded in all bags.
    :param topics: image, command, instruction: the topics to read, as `Bag` takes them.
    :param done: called after each bag.
    """
    refused = []
    for path in bags:
        try:
            with Bag(path, **(topics or {})) as bag:
                tally = Tally()
                target.take(bag, instruction, tally)
                target.notes += [f'{path}: {note}'
                                 for note in (tally.words, tally.assumption,
                                              *bag.reading.words()) if note]
        except (ValueError, OSError) as error:
            reason = str(error)
            refused.append(reason if str(path) in reason else f'{path}: {reason}')
        done()
    if target.drives:
        target.close()
    elif target.out.exists():
        shutil.rmtree(target.out)
    return refused


class Files:
    """Writes HDF5: a file for each drive."""

    def __init__(self, out: Path, fps: int | None) -> None:
        """Take the folder; it is made for the first drive."""
        hdf5.library()
        if fps is not None:
            raise ValueError('--fps is for lerobot; HDF5 keeps every picture and its time')
        self.out = out
        self.drives = self.frames = 0
        self.notes: list[str] = []

    def take(self, bag: Bag, instruction: str | None, tally: Tally) -> None:
        """Write the drives of a bag."""
        for number, drive in enumerate(drives(bag, instruction, tally)):
            self.out.mkdir(parents=True, exist_ok=True)
            path = self.out / f'{bag.path.stem}_{number}.h5'
            if path.exists():
                raise ValueError(f'{path} already exists: two bags have the same name')
            try:
                hdf5.write(path, pictures(bag, drive.numbers), drive.stamps_ns, drive.commands,
                           drive.instruction)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            self.drives += 1
            self.frames += len(drive.numbers)

    def close(self) -> None:
        """Do nothing: every file is complete already."""


class LeRobot:
    """Writes one LeRobot dataset of all drives."""

    def __init__(self, out: Path, fps: int | None) -> None:
        """Take the folder and the frames a second; None: those of the first drive."""
        lerobot.library()
        self.out, self._fps = out, fps
        self._dataset: lerobot.Dataset | None = None  # made for the first drive
        self.drives = 0
        self.notes: list[str] = []

    @property
    def frames(self) -> int:
        """Return how many frames were written."""
        return self._dataset.frames if self._dataset else 0

    def take(self, bag: Bag, instruction: str | None, tally: Tally) -> None:
        """Write the drives of a bag."""
        for drive in drives(bag, instruction, tally):
            if self._dataset is None:
                self._dataset = lerobot.Dataset(self.out, self._fps or max(1, round(drive.hz)))
            even = drive.at_rate(self._dataset.fps)
            self._dataset.add(even, pictures(bag, even.numbers))
            self.drives += 1

    def close(self) -> None:
        """Write the tables that describe the dataset."""
        if self._dataset:
            self._dataset.close()


TARGETS: dict[str, Callable[[Path, int | None], Target]] = {'hdf5': Files, 'lerobot': LeRobot}
