"""Teach a mobile robot to drive by camera and instruction."""

from pathlib import Path
from typing import TYPE_CHECKING

from mobile_vla_ros import moved

if TYPE_CHECKING:
    from mobile_vla_ros.inference.policy import Policy

__version__ = '0.1.0'

moved.install()


def load_policy(path: str | Path | None = None, backend: str = 'auto', threads: int = 0,
                device: str = 'cpu') -> 'Policy':
    """Load a checkpoint, the shipped one by default; see `load_policy` of `inference.policy`."""
    # Here, so that `import mobile_vla_ros` is instant.
    from mobile_vla_ros.inference.policy import load_policy
    return load_policy(path, backend, threads, device)
