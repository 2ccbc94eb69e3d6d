"""The profile that gives Fast DDS shared memory which holds a camera image. No ROS."""

import os

from mobile_vla_ros.environment.share import share_file

_FAST = 'FASTRTPS' if os.environ.get('ROS_DISTRO') in ('humble', 'jazzy') else 'FASTDDS'
PROFILE_VARIABLE = f'{_FAST}_DEFAULT_PROFILES_FILE'  # renamed with Fast DDS 3


def profile() -> dict[str, str]:
    """Return the variable that processes need, the user's own profile if there is one."""
    shipped = str(share_file('config', 'fastdds_shm.xml'))
    return {PROFILE_VARIABLE: os.environ.get(PROFILE_VARIABLE) or shipped}
