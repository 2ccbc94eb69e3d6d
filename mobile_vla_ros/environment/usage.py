"""How a verb is started here: by `ros2 run`, or by `python -m`."""

import os
from pathlib import Path
import re


def as_started(text: str) -> str:
    """Return text whose commands have `ros2 run`, where that finds the verb."""
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    executables = {path.name for prefix in filter(None, prefixes)
                   for path in Path(prefix, 'lib', 'mobile_vla_ros').glob('*')}

    def shown(match: re.Match[str]) -> str:
        exists = match[1] in executables or match[1] == 'VERB' and executables
        return f'ros2 run mobile_vla_ros {match[1]}' if exists else match[0]
    return re.sub(r'python -m mobile_vla_ros (\w+)', shown, text)
