"""Why the base is driven or stopped: the words of it, and what to publish."""

from enum import Enum
from typing import NamedTuple

from mobile_vla_ros.contract import Command


class Reason(Enum):
    """Why the base is driven or stopped, and what an operator does about it."""

    DRIVING = ('driving', '')
    INACTIVE = ('not active', 'configure and activate the node')
    STOPPED = ('stop is latched', 'call ~/reset, then ~/arm')
    FAULT = ('the policy failed too often', 'read the error, then call ~/reset and ~/arm')
    DISARMED = ('disarmed', 'call ~/arm with data: true')
    NO_INSTRUCTION = ('no instruction', 'publish a sentence on instruction')
    EXPIRED = ('the instruction is older than instruction_ttl', 'publish it again')
    CONTENDED = ('another node publishes on cmd_vel', 'stop it, or put a twist_mux between')
    FROZEN = ('the camera repeats one image', 'restart the camera')
    NO_SCAN = ('no laser scan for obstacle.timeout', 'check the scanner and its topic')
    NO_FRAMES = ('no camera frame for image_timeout', 'check the camera and its topic')
    BACKWARDS = ('image stamps go backwards', 'check the camera clock, then call ~/reset')
    UNREADABLE = ('camera frames cannot be read', 'see what is said of the camera')
    FAILING = ('the policy fails', 'it is retried; read the error')
    SLOW = ('inference takes longer than image_timeout', 'use a faster backend or checkpoint')
    STARTING = ('waiting for the first frames to be understood', 'it goes on by itself')
    RECOVERING = ('waiting for fresh frames in a row', 'it goes on by itself')
    REPLANNING = ('planning for the new instruction', 'it goes on by itself')

    LATE = ('frames are too old to stop within stopping.distance',
            'use a faster camera or network, or allow a longer stopping.distance')
    OBSTACLE = ('something is in the way', 'clear it, or give another instruction')
    UNSEEN = ('the laser scan does not show the way ahead', 'add a scanner that looks '
              'there, or set limits.velocity of that axis to 0')

    def __init__(self, text: str, way_out: str) -> None:
        """Give the member the words that an operator reads."""
        self.text = text
        self.way_out = way_out


class Decision(NamedTuple):
    """What to publish now, and why."""

    command: Command
    reason: Reason
