"""
Record episodes of teleoperated driving, on the robot or, with sim:=true, in the simulator.

    ros2 launch mobile_vla_ros record.launch.py folder:=drives instruction:='go left'

Drive by joystick or by keys. `ros2 run mobile_vla_ros teleop`, in a terminal of its own, takes the
keys; it also starts, keeps and discards episodes.
"""

from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch_ros.actions import Node

from mobile_vla_ros.launching.arguments import arguments, parameters, params_file
from mobile_vla_ros.launching.description import check_and_start, describe, robot_or_simulation
from mobile_vla_ros.launching.node import our_node, PATIENT
from mobile_vla_ros.launching.values import image_remappings, topic_of, value_of
from mobile_vla_ros.nodes.record import SETTINGS


def check_folder(values: dict[str, Any]) -> None:
    """Refuse a folder that is a file."""
    if Path(values['folder']).exists() and not Path(values['folder']).is_dir():
        raise ValueError(f'folder:= must be a folder, new or old, got {values["folder"]!r}')


def record_node(context: LaunchContext) -> list[Node]:
    """Return the record node."""
    return [our_node(
        context, 'record', SETTINGS, files=[value_of(context, 'params_file')],
        arguments=['folder', 'instruction', 'scenario', 'distance', 'robot', 'stamped',
                   'image_transport'],
        check=check_folder, **PATIENT,
        remappings=[*image_remappings(context, 'image'),
                    ('cmd_vel', topic_of(context, 'cmd_vel_topic'))])]


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    check, start = check_and_start(record_node)
    return describe(
        __file__,
        [*arguments('sim', 'namespace'),
         params_file('record.yaml', 'the record node'),
         params_file('sim.yaml', 'the sim node', 'sim_params_file'),
         *parameters(SETTINGS,
                     folder='Where episodes go; empty: as the parameter file says',
                     instruction='What is about to be done, in words',
                     scenario='Label of the scene',
                     distance='How far the obstacle is',
                     robot='Label of the robot'),
         *arguments('base', 'stamped'),
         *parameters(SETTINGS, image_transport='Topic of the frames: raw: image, compressed: '
                     'image/compressed'),
         *arguments('image_topic', 'cmd_vel_topic', 'seed', 'camera', 'twist_mux', 'joy')],
        check, *robot_or_simulation(), start)
