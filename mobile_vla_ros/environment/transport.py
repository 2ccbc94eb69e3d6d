"""The profile that gives Fast DDS enough shared memory for camera images; without ROS."""

import os

from mobile_vla_ros.environment.share import share_file

_FAST = 'FASTRTPS' if os.environ.get('ROS_DISTRO') in ('humble', 'jazzy') else 'FASTDDS'
PROFILE_VARIABLE = f'{_FAST}_DEFAULT_PROFILES_FILE'  # renamed with Fast DDS 3


def profile() -> dict[str, str]:
    """Return the environment variable with the profile: the user's own, else the shipped one."""
    shipped = str(share_file('config', 'fastdds_shm.xml'))
    return {PROFILE_VARIABLE: os.environ.get(PROFILE_VARIABLE) or shipped}
