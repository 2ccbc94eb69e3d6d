"""
Start what a robot needs around the drive node, from standard packages: camera, joystick, mux.

    ros2 launch mobile_vla_ros robot.launch.py camera:=false base:=differential

The joystick (cmd_vel_joy) goes before the policy (cmd_vel_policy). The base listens to cmd_vel;
its driver is not started here.
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch_ros.actions import Node

from mobile_vla_ros.launching.arguments import Argument, arguments, params_file
from mobile_vla_ros.launching.description import check_and_start, describe
from mobile_vla_ros.launching.installed import shipped
from mobile_vla_ros.launching.node import other_node
from mobile_vla_ros.launching.values import image_remappings, is_true, topic_of, value_of

DEVICE = '/dev/video0'
REMEDY = 'install ros-$ROS_DISTRO-{}, or give {}:=false'


def robot_nodes(context: LaunchContext) -> list[Node]:
    """Return the camera, the mux and the joystick, where they are wanted."""
    if is_true(context, 'joy') and not is_true(context, 'twist_mux'):
        raise ValueError('joy:=true needs twist_mux:=true, which merges joystick and policy; '
                         'got twist_mux:=false')
    stamped = is_true(context, 'stamped')
    command, images = topic_of(context, 'cmd_vel_topic'), image_remappings(context, 'image_raw')
    nodes = []
    if is_true(context, 'camera'):
        nodes.append(other_node(
            context, 'v4l2_camera', 'v4l2_camera_node', 'camera', 'camera_params_file',
            REMEDY.format('v4l2-camera', 'camera'), [{'video_device': device(context)}],
            remappings=images))
    if is_true(context, 'twist_mux'):
        nodes.append(other_node(
            context, 'twist_mux', 'twist_mux', 'twist_mux', 'twist_mux_params_file',
            REMEDY.format('twist-mux', 'twist_mux'), [{'use_stamped': stamped}],
            remappings=[('cmd_vel_out', command)]))
    if is_true(context, 'joy'):
        nodes += joystick(context, stamped)
    return nodes


def joystick(context: LaunchContext, stamped: bool) -> list[Node]:
    """Return the two nodes that turn a joystick into commands; one file has both's parameters."""
    differential = value_of(context, 'base') == 'differential'
    overlay = [shipped('config', 'differential.yaml')] if differential else []
    return [
        other_node(context, 'joy', 'joy_node', 'joy_node', 'joy_params_file',
                   REMEDY.format('joy', 'joy'), shared_with=['teleop_twist_joy_node']),
        other_node(context, 'teleop_twist_joy', 'teleop_node', 'teleop_twist_joy_node',
                   'joy_params_file', REMEDY.format('teleop-twist-joy', 'joy'),
                   [*overlay, {'publish_stamped_twist': stamped}], shared_with=['joy_node'],
                   remappings=[('cmd_vel', 'cmd_vel_joy')])]


def device(context: LaunchContext) -> str:
    """Return the camera's device; the default one may be plugged in later."""
    path = value_of(context, 'video_device')
    if path != DEVICE and not Path(path).exists():
        devices = ', '.join(map(str, sorted(Path('/dev').glob('video*')))) or 'none'
        raise ValueError(f'video_device:= must be a device of this machine, got {path!r}; there '
                         f'are: {devices}')
    return path


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    return describe(
        __file__,
        [*arguments('namespace', 'camera', 'twist_mux', 'joy', 'base', 'stamped'),
         Argument('video_device', 'Device of v4l2_camera', DEVICE),
         params_file('camera.yaml', 'v4l2_camera', 'camera_params_file'),
         params_file('joy.yaml', 'joy and teleop_twist_joy', 'joy_params_file'),
         params_file('twist_mux.yaml', 'twist_mux', 'twist_mux_params_file'),
         *arguments('image_topic', 'cmd_vel_topic')],
        *check_and_start(robot_nodes))
