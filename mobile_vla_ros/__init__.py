"""Teach a mobile robot to drive by camera and instruction."""

__version__ = '0.1.0'


def load_policy(path=None, backend: str = 'auto', threads: int = 0, device: str = 'cpu'):
    """Load a checkpoint, the shipped one by default; see `mobile_vla_ros.policy.load_policy`."""
    from mobile_vla_ros.policy import load_policy  # keeps `import mobile_vla_ros` instant
    return load_policy(path, backend, threads, device)
