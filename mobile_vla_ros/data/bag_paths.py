"""Where the bags of a folder are, and what their recorder noted beside the messages."""

from pathlib import Path

from mobile_vla_ros.data.storage.files import files_by_bag, stored_in
from mobile_vla_ros.data.storage.metadata import NAME, read_metadata


def bags_in(path: Path) -> list[Path]:
    """Return the bags in a folder of bags, sorted; any other path is taken for a bag itself."""
    if not path.is_dir() or (path / NAME).exists():
        return [path]
    groups = files_by_bag(path)
    inside = [folder for folder in path.glob('[!.]*') if _is_bag(folder)]
    inside += path.glob('[!.]*.bag')
    if inside or len(groups) > 1:  # a single bag in several files is opened by its folder only
        inside += [file for group in groups for file in group]
    return sorted(inside) or [path]


def _is_bag(folder: Path) -> bool:
    """Tell whether a folder holds messages; the recorder may have been killed."""
    return folder.is_dir() and ((folder / NAME).exists() or bool(stored_in(folder)))


def read_info(folder: Path) -> dict[str, str]:
    """Return what our recorder noted: scenario, distance and the like; other recorders do not."""
    return read_metadata(folder).info
