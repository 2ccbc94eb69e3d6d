"""
Record episodes of teleoperated driving, on the robot or, with sim:=true, in the simulator.

    ros2 launch mobile_vla_ros record.launch.py folder:=drives instruction:='go left'

Drive by joystick, or by keys: `ros2 run mobile_vla_ros teleop` in a terminal of its own, which
also starts, keeps and discards episodes.
"""

from pathlib import Path

from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition, UnlessCondition
from launch.substitutions import LaunchConfiguration

from mobile_vla_ros.launching.description import (BOOLS, described, image_rules, include, our_node,
                                                  PATIENT, planned, shipped, topic,
                                                  transport_profile, value_of)
from mobile_vla_ros.nodes.record import SETTINGS


def check(values):
    """Refuse a folder that cannot be one."""
    if Path(values['folder']).exists() and not Path(values['folder']).is_dir():
        raise ValueError(f'folder:= must be a folder, new or old, got {values["folder"]!r}')


def record_node(context):
    """Return the record node with the parameters that arguments set."""
    return [our_node(
        context, 'record', SETTINGS, [value_of(context, 'params_file')],
        ['folder', 'instruction', 'scenario', 'distance', 'robot', 'stamped', 'image_transport'],
        check=check, **PATIENT,
        remappings=[*image_rules(context, 'image'),
                    ('cmd_vel', topic(context, 'cmd_vel_topic'))])]


def generate_launch_description():
    sim = LaunchConfiguration('sim')
    check, start = planned(record_node)
    return described(
        __file__,
        DeclareLaunchArgument('sim', default_value='false', choices=BOOLS,
                              description='Record the simulated robot instead of a real one'),
        DeclareLaunchArgument('namespace', default_value='',
                              description='Namespace of all nodes and topics'),
        DeclareLaunchArgument('params_file', default_value=shipped('config', 'record.yaml'),
                              description='Parameters of the record node'),
        DeclareLaunchArgument('sim_params_file', default_value=shipped('config', 'sim.yaml'),
                              description='Parameters of the sim node'),
        DeclareLaunchArgument('folder', default_value='',
                              description='Where episodes go; empty: as the parameter file says'),
        DeclareLaunchArgument('instruction', default_value='',
                              description='What is about to be done, in words'),
        DeclareLaunchArgument('scenario', default_value='', description='Label of the scene'),
        DeclareLaunchArgument('distance', default_value='',
                              choices=['', 'close', 'medium', 'far'],
                              description='How far the obstacle is'),
        DeclareLaunchArgument('robot', default_value='', description='Label of the robot'),
        DeclareLaunchArgument('base', default_value='holonomic',
                              choices=['holonomic', 'differential'],
                              description='differential: no sideways commands'),
        DeclareLaunchArgument('stamped', default_value='false', choices=BOOLS,
                              description='TwistStamped instead of Twist'),
        DeclareLaunchArgument('image_transport', default_value='',
                              choices=['', 'raw', 'compressed'],
                              description='How frames come'),
        DeclareLaunchArgument('image_topic', default_value='image',
                              description='Topic of the camera'),
        DeclareLaunchArgument('cmd_vel_topic', default_value='cmd_vel',
                              description='Where the base listens'),
        DeclareLaunchArgument('seed', default_value='', description='Scene of the simulator'),
        DeclareLaunchArgument('camera', default_value='true', choices=BOOLS,
                              description='Start the camera (robot only)'),
        DeclareLaunchArgument('twist_mux', default_value='true', choices=BOOLS,
                              description='Start twist_mux (robot only)'),
        DeclareLaunchArgument('joy', default_value=LaunchConfiguration('twist_mux'),
                              choices=BOOLS, description='Start the joystick (robot only)'),
        transport_profile(),
        check,
        include('simulation.launch.py', IfCondition(sim),
                params_file=LaunchConfiguration('sim_params_file')),
        include('robot.launch.py', UnlessCondition(sim)),
        start)
