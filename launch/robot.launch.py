"""
Start what a robot needs around the drive node, from standard packages: camera, joystick, mux.

    ros2 launch mobile_vla_ros robot.launch.py camera:=false base:=differential

The joystick (cmd_vel_joy) goes before the policy (cmd_vel_policy); the robot's base listens to
cmd_vel. The base's own driver is not started here.
"""

from pathlib import Path

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration

from mobile_vla_ros.launching.description import (BOOLS, described, image_rules, is_true,
                                                  other_node, planned, shipped, topic,
                                                  transport_profile, value_of)

DEVICE = '/dev/video0'
APT = 'install ros-$ROS_DISTRO-{}, or give {}:=false'


def robot_nodes(context):
    """Return camera, mux and joystick, those that are wanted."""
    if is_true(context, 'joy') and not is_true(context, 'twist_mux'):
        raise ValueError('joy:=true needs twist_mux:=true, which merges joystick and policy; '
                         'got twist_mux:=false')
    stamped = is_true(context, 'stamped')
    command, images = topic(context, 'cmd_vel_topic'), image_rules(context, 'image_raw')
    found = []
    if is_true(context, 'camera'):
        found.append(other_node(
            context, 'v4l2_camera', 'v4l2_camera_node', 'camera', 'camera_params_file',
            APT.format('v4l2-camera', 'camera'), [{'video_device': device(context)}],
            remappings=images))
    if is_true(context, 'twist_mux'):
        found.append(other_node(
            context, 'twist_mux', 'twist_mux', 'twist_mux', 'twist_mux_params_file',
            APT.format('twist-mux', 'twist_mux'), [{'use_stamped': stamped}],
            remappings=[('cmd_vel_out', command)]))
    if is_true(context, 'joy'):
        differential = value_of(context, 'base') == 'differential'
        overlay = [shipped('config', 'differential.yaml')] if differential else []
        found.append(other_node(
            context, 'joy', 'joy_node', 'joy_node', 'joy_params_file', APT.format('joy', 'joy'),
            shared_with=['teleop_twist_joy_node']))
        found.append(other_node(
            context, 'teleop_twist_joy', 'teleop_node', 'teleop_twist_joy_node',
            'joy_params_file', APT.format('teleop-twist-joy', 'joy'),
            [*overlay, {'publish_stamped_twist': stamped}], shared_with=['joy_node'],
            remappings=[('cmd_vel', 'cmd_vel_joy')]))
    return found


def device(context) -> str:
    """Return the camera's device; the default one may still be plugged in."""
    path = value_of(context, 'video_device')
    if path != DEVICE and not Path(path).exists():
        there = ', '.join(map(str, sorted(Path('/dev').glob('video*')))) or 'none'
        raise ValueError(f'video_device:= must be a device that is there, got {path!r}; '
                         f'there are: {there}')
    return path


def generate_launch_description():
    return described(
        __file__,
        DeclareLaunchArgument('namespace', default_value='',
                              description='Namespace of all nodes and topics'),
        DeclareLaunchArgument('camera', default_value='true', choices=BOOLS,
                              description='Start v4l2_camera; false: the robot has its own'),
        DeclareLaunchArgument('twist_mux', default_value='true', choices=BOOLS,
                              description='Start twist_mux between joystick, policy and base'),
        DeclareLaunchArgument('joy', default_value=LaunchConfiguration('twist_mux'),
                              choices=BOOLS,
                              description='Start joy and teleop_twist_joy; needs twist_mux'),
        DeclareLaunchArgument('base', default_value='holonomic',
                              choices=['holonomic', 'differential'],
                              description='differential: no sideways commands'),
        DeclareLaunchArgument('stamped', default_value='false', choices=BOOLS,
                              description='TwistStamped instead of Twist'),
        DeclareLaunchArgument('video_device', default_value=DEVICE,
                              description='Device of v4l2_camera'),
        DeclareLaunchArgument('camera_params_file',
                              default_value=shipped('config', 'camera.yaml'),
                              description='Parameters of v4l2_camera'),
        DeclareLaunchArgument('joy_params_file', default_value=shipped('config', 'joy.yaml'),
                              description='Parameters of joy and teleop_twist_joy'),
        DeclareLaunchArgument('twist_mux_params_file',
                              default_value=shipped('config', 'twist_mux.yaml'),
                              description='Parameters of twist_mux'),
        DeclareLaunchArgument('image_topic', default_value='image',
                              description='Topic of the camera'),
        DeclareLaunchArgument('cmd_vel_topic', default_value='cmd_vel',
                              description='Where the base listens'),
        transport_profile(),
        *planned(robot_nodes))
