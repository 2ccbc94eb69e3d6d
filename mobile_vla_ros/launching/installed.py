"""Where packages are installed, by the ament index."""

import os
from pathlib import Path

from ament_index_python.packages import (get_package_prefix, get_package_share_directory,
                                         PackageNotFoundError)

from mobile_vla_ros.environment.share import PACKAGE


def shipped(*parts: str) -> str:
    """Return the installed path of one of this package's files; `--show-args` shows it."""
    return str(Path(get_package_share_directory(PACKAGE), *parts))


def require_executable(package: str, executable: str, remedy: str) -> None:
    """Raise a ValueError, with the remedy, if a package or its executable is not installed."""
    try:
        path = Path(get_package_prefix(package), 'lib', package, executable)
    except PackageNotFoundError:
        raise ValueError(f"package '{package}' not found: {remedy}") from None
    if not os.access(path, os.X_OK):
        raise ValueError(f"package '{package}' has no executable {path}: {remedy}")
