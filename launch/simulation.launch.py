"""
Start the simulated robot alone: camera, odometry and clock out, velocity commands in.

    ros2 launch mobile_vla_ros simulation.launch.py seed:=7
"""

from launch import LaunchContext, LaunchDescription
from launch_ros.actions import Node

from mobile_vla_ros.launching.arguments import arguments, parameters, params_file
from mobile_vla_ros.launching.description import check_and_start, describe
from mobile_vla_ros.launching.node import our_node
from mobile_vla_ros.launching.values import image_remappings, topic_of, value_of
from mobile_vla_ros.nodes.sim import make_task, SETTINGS


def sim_node(context: LaunchContext) -> list[Node]:
    """Return the sim node."""
    return [our_node(
        context, 'sim', SETTINGS, files=[value_of(context, 'params_file')],
        arguments=['seed', 'instruction', 'stamped'], check=make_task,
        remappings=[*image_remappings(context, 'image'),
                    ('cmd_vel', topic_of(context, 'cmd_vel_topic'))])]


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    return describe(
        __file__,
        [*arguments('namespace'),
         params_file('sim.yaml', 'the sim node'),
         *arguments('seed'),
         *parameters(SETTINGS, instruction='The task in words; empty: as the parameter file '
                     'says, or that of the scene'),
         *arguments('stamped', 'image_topic', 'cmd_vel_topic')],
        *check_and_start(sim_node))
