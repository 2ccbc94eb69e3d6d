"""
Drive by camera and instruction, on the robot or, with sim:=true, in the simulator.

    ros2 launch mobile_vla_ros drive.launch.py sim:=true instruction:='go to the red bottle'
    ros2 launch mobile_vla_ros drive.launch.py sim:=true model:=hybrid

On the robot the node starts disarmed: `ros2 service call /drive/arm std_srvs/srv/SetBool
"{data: true}"`. An argument left empty keeps the parameter file's value.
"""

from launch.actions import DeclareLaunchArgument, SetLaunchConfiguration
from launch.conditions import IfCondition, UnlessCondition
from launch.substitutions import LaunchConfiguration

from mobile_vla_ros.environment.share import SHIPPED
from mobile_vla_ros.launching.description import (action, BOOLS, defaults, described, given,
                                                  image_rules, in_namespace, include, is_true,
                                                  our_node, planned, shipped, topic,
                                                  transport_profile, value_of)
from mobile_vla_ros.nodes.drive_settings import check_together, SETTINGS


def scene_instruction(context):
    """Set, in the simulator, an instruction that is not given to the scene's own."""
    if not is_true(context, 'sim') or value_of(context, 'instruction'):
        return []
    from mobile_vla_ros.nodes import sim
    node = in_namespace(context).rstrip('/') + '/sim'
    values = given(context, sim.SETTINGS, node, [value_of(context, 'sim_params_file')], ['seed'])
    task, _ = sim.make_task({**defaults(sim.SETTINGS), **values})
    return [SetLaunchConfiguration('instruction', task.instruction)]


def shipped_policy(context) -> dict:
    """Return, as a parameter, the checkpoint that ships of the model that was chosen."""
    model = value_of(context, 'model')
    if model and value_of(context, 'checkpoint'):
        raise ValueError('give model:= (one that ships) or checkpoint:= (a file), not both')
    return {'checkpoint': shipped('checkpoints', f'{SHIPPED[model]}.onnx')} if model else {}


def drive_node(context):
    """Return the drive node with the parameters that arguments set."""
    files = [value_of(context, 'params_file')]
    if value_of(context, 'base') == 'differential':
        files.append(shipped('config', 'differential.yaml'))
    muxed = is_true(context, 'twist_mux') and not is_true(context, 'sim')
    command = topic(context, 'cmd_vel_topic')
    return [our_node(
        context, 'drive', SETTINGS, files,
        ['checkpoint', 'backend', 'instruction', 'rate', 'armed', 'stamped', 'image_transport'],
        {'use_sim_time': is_true(context, 'use_sim_time'), **shipped_policy(context)},
        check=check_together,
        remappings=[*image_rules(context, 'image'),
                    ('cmd_vel', 'cmd_vel_policy' if muxed else command)])]


def generate_launch_description():
    sim = LaunchConfiguration('sim')
    check, start = planned(drive_node)
    return described(
        __file__,
        DeclareLaunchArgument('sim', default_value='false', choices=BOOLS,
                              description='Drive the simulated robot instead of a real one'),
        DeclareLaunchArgument('namespace', default_value='',
                              description='Namespace of all nodes and topics'),
        DeclareLaunchArgument('use_sim_time', default_value=sim, choices=BOOLS,
                              description='Take the time from /clock; default as sim'),
        DeclareLaunchArgument('params_file', default_value=shipped('config', 'drive.yaml'),
                              description='Parameters of the drive node'),
        DeclareLaunchArgument('sim_params_file', default_value=shipped('config', 'sim.yaml'),
                              description='Parameters of the sim node'),
        DeclareLaunchArgument('model', default_value='', choices=['', *SHIPPED],
                              description='Policy that ships; empty: final_fixed, or the file of '
                                          'checkpoint:= or of the parameter file'),
        DeclareLaunchArgument('checkpoint', default_value='',
                              description='Policy file of your own'),
        DeclareLaunchArgument('backend', default_value='',
                              choices=['', 'auto', 'torch', 'onnxruntime', 'openvino'],
                              description='What runs the policy'),
        DeclareLaunchArgument('instruction', default_value='',
                              description='Instruction at start; others come by topic; empty '
                                          'in the simulator: that of the scene'),
        DeclareLaunchArgument('rate', default_value='', description='Commands per second'),
        DeclareLaunchArgument('armed', default_value=sim, choices=BOOLS,
                              description='Drive at once, without ~/arm; default as sim'),
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
        DeclareLaunchArgument('seed', default_value='',
                              description='Scene of the simulator; empty: what its parameter '
                                          'file says'),
        DeclareLaunchArgument('camera', default_value='true', choices=BOOLS,
                              description='Start the camera (robot only)'),
        DeclareLaunchArgument('twist_mux', default_value='true', choices=BOOLS,
                              description='Start twist_mux (robot only)'),
        DeclareLaunchArgument('joy', default_value=LaunchConfiguration('twist_mux'),
                              choices=BOOLS, description='Start the joystick (robot only)'),
        transport_profile(),
        action(scene_instruction),
        check,
        include('simulation.launch.py', IfCondition(sim),
                params_file=LaunchConfiguration('sim_params_file')),
        include('robot.launch.py', UnlessCondition(sim)),
        start)
