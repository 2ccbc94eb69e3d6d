"""Where the files that come with the package lie: checkpoints, config, launch."""

from collections.abc import Iterator
from pathlib import Path
import sys

PACKAGE = 'mobile_vla_ros'
SHIPPED = {'final_fixed': 'default', 'hybrid': 'hybrid', 'advanced': 'advanced'}  # checkpoints
STRATEGIES = ('best', 'differential', 'final_fixed', 'hybrid', 'advanced')  # of training


def share_file(*parts: str) -> Path:
    """
    Return the path of a shipped file, e.g. `share_file('checkpoints', 'default.onnx')`.

    It is looked for in the source tree, then in the ament share directory, then under sys.prefix.

    :raises FileNotFoundError: if no place has it; the message names them all.
    """
    tried = []
    for root in _roots():
        path = root.joinpath(*parts)
        if path.exists():
            return path
        tried.append(str(path))
    raise FileNotFoundError(f'{"/".join(parts)} is not installed; looked at {", ".join(tried)}')


def _roots() -> Iterator[Path]:
    source = Path(__file__).resolve().parents[2]
    if (source / 'package.xml').exists():
        yield source
    try:
        from ament_index_python.packages import get_package_share_directory
        yield Path(get_package_share_directory(PACKAGE))
    except Exception:  # no ament index here, or the package is not in it: look further
        pass
    # `colcon build` and `pip install` put the package in PREFIX/lib/pythonX/site-packages.
    for prefix in source.parents:
        yield prefix / 'share' / PACKAGE
    yield Path(sys.prefix) / 'share' / PACKAGE
