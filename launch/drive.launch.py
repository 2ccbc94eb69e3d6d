"""
Drive by camera and instruction, on the robot or, with sim:=true, in the simulator.

    ros2 launch mobile_vla_ros drive.launch.py sim:=true instruction:='go to the red bottle'
    ros2 launch mobile_vla_ros drive.launch.py sim:=true model:=hybrid

On the robot the node starts disarmed: `ros2 service call /drive/arm std_srvs/srv/SetBool
"{data: true}"` arms it. An empty argument keeps the parameter file's value.
"""

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import SetLaunchConfiguration
from launch_ros.actions import Node

from mobile_vla_ros.environment.share import SHIPPED
from mobile_vla_ros.launching.arguments import (Argument, arguments, parameters, params_file,
                                                switch)
from mobile_vla_ros.launching.description import (check_and_start, checked, describe,
                                                  robot_or_simulation)
from mobile_vla_ros.launching.installed import shipped
from mobile_vla_ros.launching.node import checked_values, defaults, our_node
from mobile_vla_ros.launching.values import (image_remappings, is_true, namespace_of, topic_of,
                                             value_of)
from mobile_vla_ros.nodes.drive_settings import check_together, SETTINGS


def scene_instruction(context: LaunchContext) -> list[Action]:
    """Set the instruction to that of the simulated scene, where none is given."""
    if not is_true(context, 'sim') or value_of(context, 'instruction'):
        return []
    from mobile_vla_ros.nodes import sim
    values = checked_values(context, sim.SETTINGS, namespace_of(context).rstrip('/') + '/sim',
                            [value_of(context, 'sim_params_file')], ['seed'])
    task, _ = sim.make_task({**defaults(sim.SETTINGS), **values})
    return [SetLaunchConfiguration('instruction', task.instruction)]


def shipped_policy(context: LaunchContext) -> dict[str, str]:
    """Return, as a parameter, the shipped checkpoint of the model that was chosen."""
    model = value_of(context, 'model')
    if model and value_of(context, 'checkpoint'):
        raise ValueError('give model:= (one that ships) or checkpoint:= (a file), not both')
    return {'checkpoint': shipped('checkpoints', f'{SHIPPED[model]}.onnx')} if model else {}


def drive_node(context: LaunchContext) -> list[Node]:
    """Return the drive node."""
    files = [value_of(context, 'params_file')]
    if value_of(context, 'base') == 'differential':
        files.append(shipped('config', 'differential.yaml'))
    muxed = is_true(context, 'twist_mux') and not is_true(context, 'sim')
    command = topic_of(context, 'cmd_vel_topic')
    return [our_node(
        context, 'drive', SETTINGS, files=files,
        arguments=['checkpoint', 'backend', 'instruction', 'rate', 'armed', 'stamped',
                   'image_transport'],
        fixed={'use_sim_time': is_true(context, 'use_sim_time'), **shipped_policy(context)},
        check=check_together,
        remappings=[*image_remappings(context, 'image'),
                    ('cmd_vel', 'cmd_vel_policy' if muxed else command)])]


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    check, start = check_and_start(drive_node)
    return describe(
        __file__,
        [*arguments('sim', 'namespace'),
         switch('use_sim_time', 'Take the time from /clock', same_as='sim'),
         params_file('drive.yaml', 'the drive node'),
         params_file('sim.yaml', 'the sim node', 'sim_params_file'),
         Argument('model', 'Policy that ships; empty: final_fixed, or the file of checkpoint:= or '
                  'of the parameter file', choices=('', *SHIPPED)),
         *parameters(SETTINGS,
                     checkpoint='Policy file of your own',
                     backend='Runtime of the policy',
                     instruction='Instruction at the start; later ones come by topic; empty in '
                                 'the simulator: that of the scene',
                     rate='Commands per second'),
         switch('armed', 'Drive at once, without ~/arm', same_as='sim'),
         *arguments('base', 'stamped'),
         *parameters(SETTINGS, image_transport='Topic of the frames: raw: image, compressed: '
                     'image/compressed'),
         *arguments('image_topic', 'cmd_vel_topic', 'seed', 'camera', 'twist_mux', 'joy')],
        checked(scene_instruction), check, *robot_or_simulation(), start)
