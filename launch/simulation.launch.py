"""
Start the simulated robot alone: camera, odometry and clock out, velocity commands in.

    ros2 launch mobile_vla_ros simulation.launch.py seed:=7
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from mobile_vla_ros.launching import BOOLS, given, shipped, transport_profile


def sim_node(context):
    """Return the node with the parameters that arguments set."""
    image = LaunchConfiguration('image_topic')
    return [Node(
        package='mobile_vla_ros', executable='sim', name='sim', output='screen',
        namespace=LaunchConfiguration('namespace'),
        parameters=[LaunchConfiguration('params_file'),
                    given(context, seed=int, instruction=str, stamped=bool)],
        remappings=[('image', image), ('image/compressed', [image, '/compressed']),
                    ('cmd_vel', LaunchConfiguration('cmd_vel_topic'))],
    )]


def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument('namespace', default_value='',
                              description='Namespace of the node and its topics'),
        DeclareLaunchArgument('params_file', default_value=shipped('config', 'sim.yaml'),
                              description='Parameters of the sim node'),
        DeclareLaunchArgument('seed', default_value='',
                              description='Scene; empty: what the parameter file says'),
        DeclareLaunchArgument('instruction', default_value='',
                              description='The task in words; empty: what the parameter file '
                                          'says, or the scene'),
        DeclareLaunchArgument('stamped', default_value='false', choices=BOOLS,
                              description='TwistStamped instead of Twist'),
        DeclareLaunchArgument('image_topic', default_value='image',
                              description='Topic of the camera'),
        DeclareLaunchArgument('cmd_vel_topic', default_value='cmd_vel',
                              description='Where the base listens'),
        transport_profile(),
        OpaqueFunction(function=sim_node),
    ])
