"""
Drive by camera and instruction, on the robot or, with sim:=true, in the simulator.

    ros2 launch mobile_vla_ros drive.launch.py sim:=true instruction:='go to the red bottle'
    ros2 launch mobile_vla_ros drive.launch.py sim:=true model:=hybrid

On the robot the node starts disarmed: `ros2 service call /drive/arm std_srvs/srv/SetBool
"{data: true}"`. An argument left empty keeps the parameter file's value.
"""

from launch import LaunchDescription
from launch.actions import (DeclareLaunchArgument, OpaqueFunction, SetLaunchConfiguration,
                            Shutdown)
from launch.conditions import IfCondition, UnlessCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from mobile_vla_ros.launching import (BOOLS, given, include, is_true, shipped,
                                      transport_profile)
from mobile_vla_ros.share import SHIPPED
from mobile_vla_ros.sim.scenario import make_scenario
from mobile_vla_ros.sim.seeds import TEST


def scene_instruction(context):
    """Set, in the simulator, an instruction that is not given to the scene's own."""
    scene = given(context, seed=int, instruction=str)
    if not is_true(context, 'sim') or 'instruction' in scene or 'seed' not in scene:
        return []
    seed = scene['seed'].evaluate(context)
    return [SetLaunchConfiguration('instruction', make_scenario(seed).instruction)]


def shipped_policy(context):
    """Return, as a parameter, the checkpoint that ships of the model that was chosen."""
    model = LaunchConfiguration('model').perform(context)
    if model and given(context, checkpoint=str):
        raise RuntimeError('give model:= (one that ships) or checkpoint:= (a file), not both')
    return {'checkpoint': shipped('checkpoints', f'{SHIPPED[model]}.onnx')} if model else {}


def drive_node(context):
    """Return the drive node with the parameters that arguments set."""
    overlay = []
    if LaunchConfiguration('base').perform(context) == 'differential':
        overlay.append(shipped('config', 'differential.yaml'))
    image = LaunchConfiguration('image_topic')
    muxed = is_true(context, 'twist_mux') and not is_true(context, 'sim')
    return [Node(
        package='mobile_vla_ros', executable='drive', name='drive', output='screen',
        namespace=LaunchConfiguration('namespace'),
        parameters=[
            LaunchConfiguration('params_file'), *overlay,
            {'use_sim_time': ParameterValue(LaunchConfiguration('use_sim_time'),
                                            value_type=bool)},
            shipped_policy(context),
            given(context, checkpoint=str, backend=str, instruction=str, rate=float, armed=bool,
                  stamped=bool, image_transport=str)],
        remappings=[
            ('image', image), ('image/compressed', [image, '/compressed']),
            ('cmd_vel', 'cmd_vel_policy' if muxed else LaunchConfiguration('cmd_vel_topic'))],
        on_exit=Shutdown(reason='the drive node ended'),
    )]


def generate_launch_description():
    sim = LaunchConfiguration('sim')
    return LaunchDescription([
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
        DeclareLaunchArgument('seed', default_value=str(TEST.start),
                              description='Scene of the simulator; from this one on none was '
                                          'trained on'),
        DeclareLaunchArgument('camera', default_value='true', choices=BOOLS,
                              description='Start the camera (robot only)'),
        DeclareLaunchArgument('twist_mux', default_value='true', choices=BOOLS,
                              description='Start twist_mux (robot only)'),
        DeclareLaunchArgument('joy', default_value=LaunchConfiguration('twist_mux'),
                              choices=BOOLS, description='Start the joystick (robot only)'),
        transport_profile(),
        OpaqueFunction(function=scene_instruction),
        include('simulation.launch.py', IfCondition(sim),
                params_file=LaunchConfiguration('sim_params_file')),
        include('robot.launch.py', UnlessCondition(sim)),
        OpaqueFunction(function=drive_node),
    ])
