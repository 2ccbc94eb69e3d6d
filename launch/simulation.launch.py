"""
Start the simulated robot alone: camera, odometry and clock out, velocity commands in.

    ros2 launch mobile_vla_ros simulation.launch.py seed:=7
"""

from launch.actions import DeclareLaunchArgument

from mobile_vla_ros.launching.description import (BOOLS, described, image_rules, our_node, planned,
                                                  shipped, topic, transport_profile, value_of)
from mobile_vla_ros.nodes.sim import make_task, SETTINGS


def sim_node(context):
    """Return the node with the parameters that arguments set."""
    return [our_node(
        context, 'sim', SETTINGS, [value_of(context, 'params_file')],
        ['seed', 'instruction', 'stamped'], check=make_task,
        remappings=[*image_rules(context, 'image'),
                    ('cmd_vel', topic(context, 'cmd_vel_topic'))])]


def generate_launch_description():
    return described(
        __file__,
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
        *planned(sim_node))
