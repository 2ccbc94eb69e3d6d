"""Bags to formats of other programs: a target takes what is driven in each bag."""

from pathlib import Path
import shutil

from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.data.formats import hdf5, lerobot
from mobile_vla_ros.data.formats.demonstrations import drives, pictures
from mobile_vla_ros.images.tally import Tally


def open_target(kind: str, out: Path, fps: int | None = None):
    """
    Return what writes `kind`, one of TARGETS, into the folder `out`.

    :raises ValueError: if `out` is there already, a package is missing, or `fps` is wrong.
    """
    if fps is not None and not 1 <= fps <= 100:
        raise ValueError(f'--fps must be within 1..100, got {fps}')
    if out.exists():
        raise ValueError(f'{out} is there already; name a folder that is not')
    return TARGETS[kind](out, fps)


def export(bags: list[Path], target, instruction: str | None = None, topics: dict | None = None,
           done=lambda: None) -> list[str]:
    """
    Write every bag; return why some were refused.

    :param instruction: of all bags, instead of what was recorded.
    :param topics: image, command, instruction: as of `Bag`.
    """
    refused = []
    for path in bags:
        try:
            with Bag(path, **(topics or {})) as bag:
                tally = Tally()
                target.take(bag, instruction, tally)
                target.told += [f'{path}: {words}'
                                for words in (tally.words, tally.assumption,
                                              *bag.reading.words()) if words]
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
    """HDF5: a file for each drive."""

    def __init__(self, out, fps):
        """Take the folder; it is made when there is something to put in it."""
        hdf5.library()
        if fps is not None:
            raise ValueError('--fps is for lerobot; HDF5 keeps every picture and its time')
        self.out = out
        self.drives = self.frames = 0
        self.told = []  # of each bag, what is odd about its pictures

    def take(self, bag: Bag, instruction: str | None, tally: Tally) -> None:
        """Write the drives of a bag."""
        for number, drive in enumerate(drives(bag, instruction, tally)):
            self.out.mkdir(parents=True, exist_ok=True)
            path = self.out / f'{bag.path.stem}_{number}.h5'
            if path.exists():
                raise ValueError(f'{path} is there already: two bags have one name')
            try:
                hdf5.write(path, pictures(bag, drive.numbers), drive.stamps_ns, drive.commands,
                           drive.instruction)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            self.drives += 1
            self.frames += len(drive.numbers)

    def close(self) -> None:
        """Nothing is open."""


class LeRobot:
    """One dataset of all drives."""

    def __init__(self, out, fps):
        """Take the folder, and the rate; None: that of the first drive."""
        lerobot.library()
        self.out, self._fps, self._dataset = out, fps, None
        self.drives = 0
        self.told = []

    @property
    def frames(self) -> int:
        """Return the frames written."""
        return self._dataset.frames

    def take(self, bag: Bag, instruction: str | None, tally: Tally) -> None:
        """Write the drives of a bag."""
        for drive in drives(bag, instruction, tally):
            if self._dataset is None:
                self._dataset = lerobot.Dataset(self.out, self._fps or max(1, round(drive.hz)))
            even = drive.at_rate(self._dataset.fps)
            self._dataset.add(even, pictures(bag, even.numbers))
            self.drives += 1

    def close(self) -> None:
        """Write what describes the dataset."""
        self._dataset.close()


TARGETS = {'hdf5': Files, 'lerobot': LeRobot}
