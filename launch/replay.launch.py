"""
Play a bag into a live drive node and report on what it does, beside what was recorded.

    ros2 launch mobile_vla_ros replay.launch.py bag:=my_bag html:=out/replay.html

Everything is in the namespace `replay` (below `namespace`, if there is one): the commands go to
replay/cmd_vel, and no robot listens there.
"""

import os
from pathlib import Path

from launch.actions import DeclareLaunchArgument

from mobile_vla_ros.environment import packages
from mobile_vla_ros.launching.description import (BOOLS, defaults, described, ends_all, given,
                                                  is_true, our_node, PATIENT, planned, shipped,
                                                  transport_profile, value_of)
from mobile_vla_ros.nodes import compare, drive_settings, play

PLAYED = ('bag', 'rate', 'start', 'loop', 'stamps', 'instruction', 'image_topic',
          'command_topic', 'instruction_topic')


def nodes(context):
    """Return player, drive node and, if a report is wanted, what compares them."""
    reports = [name for name in ('json', 'html') if value_of(context, name)]
    if reports and is_true(context, 'loop'):
        raise ValueError('loop:=true has no end at which to report; leave json:= and html:= '
                         'empty')
    if reports:
        packages.require(*packages.REPLAY)
    for name in reports:
        writable(name, value_of(context, name))
    played = given(context, play.SETTINGS, 'play', (), PLAYED)
    with play.open_bag({**defaults(play.SETTINGS), **played}) as bag:
        transport = 'compressed' if bag.compressed else 'raw'

    def player_ended(event, context):
        # With a report the comparison ends last; a player that fails ends everything.
        if event.returncode or not reports:
            return ends_all('the play node')(event, context)

    found = [
        our_node(context, 'play', play.SETTINGS, (), PLAYED, {'wait': 60.0}, ['replay'],
                 on_exit=player_ended),
        our_node(context, 'drive', drive_settings.SETTINGS,
                 [value_of(context, 'params_file')], ['checkpoint', 'backend'],
                 {'image_transport': transport, 'armed': True, 'stamped': True,
                  'publish_plan': True}, ['replay'], drive_settings.check_together)]
    if reports:
        found.append(our_node(
            context, 'compare', compare.SETTINGS, (), ['json', 'html', 'checkpoint', 'backend'],
            within=['replay'], **PATIENT))
    return found


def writable(name: str, text: str):
    """Raise a ValueError where no report can be written."""
    path = Path(text).absolute()
    there = next(folder for folder in path.parents if folder.exists())
    if path.is_dir() or not there.is_dir() or not os.access(there, os.W_OK):
        raise ValueError(f'{name}:= must be a file that can be written, got {text!r}')


def generate_launch_description():
    return described(
        __file__,
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
        *planned(nodes))
