"""
Play a bag into a live drive node and report on what it does, beside what was recorded.

    ros2 launch mobile_vla_ros replay.launch.py bag:=my_bag html:=out/replay.html

Everything is in the namespace `replay` (below `namespace`, if there is one): the commands go to
replay/cmd_vel, and no robot listens there.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.launching import BOOLS, given, is_true, shipped, transport_profile


def nodes(context):
    """Return player, drive node and, if a report is wanted, what compares them."""
    bag = LaunchConfiguration('bag').perform(context)
    files = given(context, json=str, html=str)
    if files and is_true(context, 'loop'):
        raise RuntimeError('loop:=true has no end at which to report; leave json:= and html:= '
                           'empty')
    topic = LaunchConfiguration('image_topic').perform(context)
    with Bag(bag, image=topic or None) as opened:
        transport = 'compressed' if opened.compressed else 'raw'
    namespace = [LaunchConfiguration('namespace'), '/replay']
    play = Node(
        package='mobile_vla_ros', executable='play', name='play', output='screen',
        namespace=namespace,
        parameters=[given(context, bag=str, rate=float, start=float, loop=bool, stamps=str,
                          instruction=str, image_topic=str, command_topic=str,
                          instruction_topic=str), {'wait': 60.0}],
        # With a report the comparison ends last; a player that fails ends everything.
        on_exit=lambda event, context: Shutdown(reason='the player ended')
        if event.returncode or not files else None)
    drive = Node(
        package='mobile_vla_ros', executable='drive', name='drive', output='screen',
        namespace=namespace,
        parameters=[LaunchConfiguration('params_file'),
                    given(context, checkpoint=str, backend=str),
                    {'image_transport': transport, 'armed': True, 'stamped': True,
                     'publish_plan': True}],
        on_exit=Shutdown(reason='the drive node ended'))
    if not files:
        return [play, drive]
    compare = Node(
        package='mobile_vla_ros', executable='compare', name='compare', output='screen',
        namespace=namespace,
        parameters=[given(context, json=str, html=str, checkpoint=str, backend=str)],
        on_exit=Shutdown(reason='the comparison ended'))
    return [play, drive, compare]


def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument('bag', description='rosbag2 folder, .mcap, .db3 or ROS 1 .bag'),
        DeclareLaunchArgument('namespace', default_value='',
                              description='Namespace in which `replay` and its topics are'),
        DeclareLaunchArgument('params_file', default_value=shipped('config', 'drive.yaml'),
                              description='Parameters of the drive node'),
        DeclareLaunchArgument('checkpoint', default_value='',
                              description='Policy file; empty: the one that ships'),
        DeclareLaunchArgument('backend', default_value='',
                              choices=['', 'auto', 'torch', 'onnxruntime', 'openvino'],
                              description='What runs the policy'),
        DeclareLaunchArgument('instruction', default_value='',
                              description='Said at the start, instead of what was recorded'),
        DeclareLaunchArgument('rate', default_value='', description='Times real time'),
        DeclareLaunchArgument('start', default_value='', description='Seconds to leave out'),
        DeclareLaunchArgument('loop', default_value='false', choices=BOOLS,
                              description='Begin anew at the end; without a report'),
        DeclareLaunchArgument('stamps', default_value='', choices=['', 'shifted', 'recorded'],
                              description='Stamps of what is played'),
        DeclareLaunchArgument('json', default_value='', description='Report: every figure'),
        DeclareLaunchArgument('html', default_value='', description='Report: a page'),
        DeclareLaunchArgument('image_topic', default_value='',
                              description='In the bag, where it has several'),
        DeclareLaunchArgument('command_topic', default_value='',
                              description='In the bag, where it has several'),
        DeclareLaunchArgument('instruction_topic', default_value='',
                              description='In the bag, where it has several'),
        transport_profile(),
        OpaqueFunction(function=nodes),
    ])
