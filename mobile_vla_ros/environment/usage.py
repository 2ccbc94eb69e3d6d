"""How a verb is started where this program runs."""

import os
from pathlib import Path
import re


def as_started(text: str) -> str:
    """Return words for people, with `ros2 run` in their commands where that finds the verb."""
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    executables = {path.name for prefix in filter(None, prefixes)
                   for path in Path(prefix, 'lib', 'mobile_vla_ros').glob('*')}

    def shown(match):
        there = match[1] in executables or match[1] == 'VERB' and executables
        return f'ros2 run mobile_vla_ros {match[1]}' if there else match[0]
    return re.sub(r'python -m mobile_vla_ros (\w+)', shown, text)
