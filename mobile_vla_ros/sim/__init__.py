"""The simulated task: scenes by seed, physics, camera, expert. No ROS in here."""

import os
import sys

if sys.platform == 'linux':
    os.environ.setdefault('MUJOCO_GL', 'egl')  # before mujoco's first import; needs no display
