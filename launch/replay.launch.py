"""
Play a bag into a live drive node and report on what it does, beside what was recorded.

    ros2 launch mobile_vla_ros replay.launch.py bag:=my_bag html:=out/replay.html

Everything is in the namespace `replay`, below `namespace` if there is one. The commands go to
replay/cmd_vel, where no robot listens.
"""

import os
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch_ros.actions import Node

from mobile_vla_ros.environment import packages
from mobile_vla_ros.launching.arguments import Argument, parameters, params_file, switch
from mobile_vla_ros.launching.description import (Actions, check_and_start, describe,
                                                  end_all_after)
from mobile_vla_ros.launching.node import checked_values, defaults, our_node, PATIENT
from mobile_vla_ros.launching.values import is_true, value_of
from mobile_vla_ros.nodes import compare, drive_settings, play

PLAYED = ['bag', 'rate', 'start', 'loop', 'stamps', 'instruction', 'image_topic',
          'command_topic', 'instruction_topic']


def replay_nodes(context: LaunchContext) -> list[Node]:
    """Return the player, the drive node and, if a report is wanted, what compares them."""
    reports = [name for name in ('json', 'html') if value_of(context, name)]
    check_reports(context, reports)
    played = checked_values(context, play.SETTINGS, 'play', arguments=PLAYED)
    with play.open_bag({**defaults(play.SETTINGS), **played}) as bag:
        transport = 'compressed' if bag.compressed else 'raw'

    def player_ended(event: Any, context: LaunchContext) -> Actions | None:
        # With a report the comparison ends last; a player that fails ends everything.
        if event.returncode or not reports:
            return end_all_after('the play node')(event, context)
        return None

    nodes = [
        our_node(context, 'play', play.SETTINGS, arguments=PLAYED, fixed={'wait': 60.0},
                 within=['replay'], on_exit=player_ended),
        our_node(context, 'drive', drive_settings.SETTINGS,
                 files=[value_of(context, 'params_file')], arguments=['checkpoint', 'backend'],
                 fixed={'image_transport': transport, 'armed': True, 'stamped': True,
                        'publish_plan': True},
                 within=['replay'], check=drive_settings.check_together)]
    if reports:
        nodes.append(our_node(context, 'compare', compare.SETTINGS,
                              arguments=['json', 'html', 'checkpoint', 'backend'],
                              within=['replay'], **PATIENT))
    return nodes


def check_reports(context: LaunchContext, reports: list[str]) -> None:
    """Raise a ValueError where the reports cannot be made or written."""
    if reports and is_true(context, 'loop'):
        raise ValueError('loop:=true has no end at which to report; leave json:= and html:= '
                         'empty')
    if reports:
        packages.require(*packages.REPLAY)
    for name in reports:
        path = Path(value_of(context, name)).absolute()
        nearest = next(folder for folder in path.parents if folder.exists())
        if path.is_dir() or not nearest.is_dir() or not os.access(nearest, os.W_OK):
            raise ValueError(f'{name}:= must be a file that can be written, got '
                             f'{value_of(context, name)!r}')


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    return describe(
        __file__,
        [Argument('bag', 'rosbag2 folder, .mcap, .db3 or ROS 1 .bag', default=None),
         Argument('namespace', 'Namespace that has the namespace `replay` and its topics'),
         params_file('drive.yaml', 'the drive node'),
         *parameters(drive_settings.SETTINGS,
                     checkpoint='Policy file; empty: the one that ships',
                     backend='Runtime of the policy'),
         *parameters(play.SETTINGS,
                     instruction='Instruction at the start, instead of those that were recorded',
                     rate='Speed: 1 is real time, 2 is twice as fast',
                     start='Seconds to skip at the beginning of the bag'),
         switch('loop', 'Begin again at the end of the bag; without a report'),
         *parameters(play.SETTINGS,
                     stamps='Stamps of the messages: shifted to now, or as recorded'),
         *parameters(compare.SETTINGS, json='File of the report with every figure',
                     html='File of the report as a page'),
         *parameters(play.SETTINGS,
                     image_topic='Topic of the images, for a bag that has several',
                     command_topic='Topic of the commands, for a bag that has several',
                     instruction_topic='Topic of the instructions, for a bag that has several')],
        *check_and_start(replay_nodes))
