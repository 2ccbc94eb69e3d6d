"""
Start what a robot needs around the drive node, from standard packages: camera, joystick, mux.

    ros2 launch mobile_vla_ros robot.launch.py camera:=false base:=differential

The joystick (cmd_vel_joy) goes before the policy (cmd_vel_policy); the robot's base listens to
cmd_vel. The base's own driver is not started here.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from mobile_vla_ros.launching import BOOLS, is_true, shipped, transport_profile


def check(context):
    """Refuse a joystick that nothing would listen to."""
    if is_true(context, 'joy') and not is_true(context, 'twist_mux'):
        raise RuntimeError('joy:=true needs twist_mux:=true, which merges joystick and policy; '
                           'got twist_mux:=false')
    return []


def joystick(context):
    """Return the joystick's driver and its way to velocity commands."""
    differential = LaunchConfiguration('base').perform(context) == 'differential'
    overlay = [shipped('config', 'differential.yaml')] if differential else []
    wanted = IfCondition(LaunchConfiguration('joy'))
    namespace, params = LaunchConfiguration('namespace'), LaunchConfiguration('joy_params_file')
    return [
        Node(package='joy', executable='joy_node', name='joy_node', namespace=namespace,
             condition=wanted, parameters=[params]),
        Node(package='teleop_twist_joy', executable='teleop_node', name='teleop_twist_joy_node',
             namespace=namespace, condition=wanted, remappings=[('cmd_vel', 'cmd_vel_joy')],
             parameters=[params, *overlay, {'publish_stamped_twist': stamped()}]),
    ]


def stamped() -> ParameterValue:
    return ParameterValue(LaunchConfiguration('stamped'), value_type=bool)


def generate_launch_description():
    namespace = LaunchConfiguration('namespace')
    return LaunchDescription([
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
        DeclareLaunchArgument('video_device', default_value='/dev/video0',
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
        OpaqueFunction(function=check),
        Node(package='v4l2_camera', executable='v4l2_camera_node', name='camera',
             namespace=namespace, condition=IfCondition(LaunchConfiguration('camera')),
             parameters=[LaunchConfiguration('camera_params_file'),
                         {'video_device': LaunchConfiguration('video_device')}],
             remappings=[('image_raw', LaunchConfiguration('image_topic'))]),
        Node(package='twist_mux', executable='twist_mux', name='twist_mux',
             namespace=namespace, condition=IfCondition(LaunchConfiguration('twist_mux')),
             parameters=[LaunchConfiguration('twist_mux_params_file'),
                         {'use_stamped': stamped()}],
             remappings=[('cmd_vel_out', LaunchConfiguration('cmd_vel_topic'))]),
        OpaqueFunction(function=joystick),
    ])
