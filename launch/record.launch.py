"""
Record episodes of teleoperated driving, on the robot or, with sim:=true, in the simulator.

    ros2 launch mobile_vla_ros record.launch.py folder:=drives instruction:='go left'

Drive by joystick, or by keys: `ros2 run mobile_vla_ros teleop` in a terminal of its own, which
also starts, keeps and discards episodes.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.conditions import IfCondition, UnlessCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from mobile_vla_ros.launching import BOOLS, given, include, shipped, transport_profile


def record_node(context):
    """Return the record node with the parameters that arguments set."""
    image = LaunchConfiguration('image_topic')
    return [Node(
        package='mobile_vla_ros', executable='record', name='record', output='screen',
        namespace=LaunchConfiguration('namespace'),
        parameters=[LaunchConfiguration('params_file'),
                    given(context, folder=str, instruction=str, scenario=str, distance=str,
                          robot=str, stamped=bool, image_transport=str)],
        remappings=[('image', image), ('image/compressed', [image, '/compressed']),
                    ('cmd_vel', LaunchConfiguration('cmd_vel_topic'))],
        on_exit=Shutdown(reason='the record node ended'),
    )]


def generate_launch_description():
    sim = LaunchConfiguration('sim')
    return LaunchDescription([
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
        include('simulation.launch.py', IfCondition(sim),
                params_file=LaunchConfiguration('sim_params_file')),
        include('robot.launch.py', UnlessCondition(sim)),
        OpaqueFunction(function=record_node),
    ])
