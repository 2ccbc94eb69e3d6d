"""How a launch file begins and ends: it checks everything, starts everything, ends everything."""

from collections.abc import Callable, Sequence
from pathlib import Path
import sys
from typing import Any

from launch.action import Action
from launch.actions import (DeclareLaunchArgument, GroupAction, IncludeLaunchDescription, LogInfo,
                            OpaqueFunction, SetEnvironmentVariable, Shutdown, TimerAction)
from launch.condition import Condition
from launch.conditions import IfCondition, UnlessCondition
from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import EnvironmentVariable, LaunchConfiguration

from mobile_vla_ros.environment.share import PACKAGE
from mobile_vla_ros.environment.transport import PROFILE_VARIABLE
from mobile_vla_ros.errors import one_line
from mobile_vla_ros.launching.arguments import Argument
from mobile_vla_ros.launching.checking import suggestion
from mobile_vla_ros.launching.installed import shipped

# What launch itself takes in every file.
OF_LAUNCH = ('launch-prefix', 'launch-prefix-filter', 'emulate_tty', 'sigterm_timeout',
             'sigkill_timeout', 'log_level')
REFUSED = 'mobile_vla_ros_refused'

Actions = list[Action]
Function = Callable[[LaunchContext], Actions]


def describe(file: str, arguments: Sequence[Argument], *actions: Action) -> LaunchDescription:
    """
    Return the description of a launch file, which refuses unknown arguments.

    Known are its own and those of the files that it includes.

    :param file: the launch file's `__file__`.
    """
    entities = [*map(declaration, arguments), transport_profile(), *actions]
    known = sorted(each.name for each in LaunchDescription(entities).get_launch_arguments())

    def refuse_unknown(context: LaunchContext) -> Actions:
        for name in (text.partition(':=')[0] for text in context.argv if is_launched(file)):
            if name not in known and name not in OF_LAUNCH:
                raise ValueError(f'unknown argument {name}:=; {suggestion(name, known)}')
        return []
    return LaunchDescription([checked(refuse_unknown), *entities])


def is_launched(file: str) -> bool:
    """Return whether `ros2 launch` was given this file, and not one that includes it."""
    path = Path(file).resolve()
    return any(word == path.name and before == PACKAGE or Path(word).resolve() == path
               for before, word in zip(sys.argv, sys.argv[1:]))


def declaration(argument: Argument) -> DeclareLaunchArgument:
    """Return the action that declares an argument."""
    default = LaunchConfiguration(argument.same_as) if argument.same_as else argument.default
    return DeclareLaunchArgument(
        argument.name, default_value=default, description=argument.description,
        choices=list(argument.choices) or None)


def transport_profile() -> SetEnvironmentVariable:
    """Give Fast DDS shared memory that holds a camera image, unless the user has a profile."""
    profile = shipped('config', 'fastdds_shm.xml')
    return SetEnvironmentVariable(
        PROFILE_VARIABLE, EnvironmentVariable(PROFILE_VARIABLE, default_value=profile))


def robot_or_simulation() -> list[GroupAction]:
    """Start the simulated robot where the argument sim says so, else what a real one needs."""
    sim = LaunchConfiguration('sim')
    return [include('simulation.launch.py', IfCondition(sim),
                    params_file=LaunchConfiguration('sim_params_file')),
            include('robot.launch.py', UnlessCondition(sim))]


def include(name: str, condition: Condition, **arguments: Any) -> GroupAction:
    """Include a launch file in a scope of its own, so that its arguments stay its own."""
    source = PythonLaunchDescriptionSource(shipped('launch', name))
    return GroupAction([IncludeLaunchDescription(source, launch_arguments=arguments.items())],
                       condition=condition)


def checked(function: Function) -> OpaqueFunction:
    """
    Return the action of `function(context) -> actions`, which may raise to refuse the launch.

    After that none of the package's launch files starts anything. The error is raised once more
    from an event, because launch forgets what it has started when a description raises.
    """
    def guarded(context: LaunchContext) -> Actions:
        if REFUSED in context.get_locals_as_dict():
            return []
        try:
            return function(context)
        except (ValueError, RuntimeError, OSError) as error:
            context.extend_globals({REFUSED: True})
            return [TimerAction(period=0.0, actions=[
                OpaqueFunction(function=refuse, args=[one_line(error, None)])])]
    return OpaqueFunction(function=guarded)


def refuse(context: LaunchContext, text: str) -> None:
    """End everything that this launch started; its exit status becomes 1."""
    raise RuntimeError(text)


def check_and_start(make_nodes: Function) -> tuple[OpaqueFunction, OpaqueFunction]:
    """Return two actions: one makes the nodes, and so checks everything; one starts them."""
    nodes: Actions = []

    def check(context: LaunchContext) -> Actions:
        nodes[:] = make_nodes(context)
        return []
    return checked(check), checked(lambda context: nodes)


def end_all_after(name: str) -> Callable[[Any, LaunchContext], Actions | None]:
    """Return what to do when a node ends: end the others, and say whose end it was."""
    def on_exit(event: Any, context: LaunchContext) -> Actions | None:
        if context.is_shutdown:
            return None
        code = event.returncode
        how = f'was killed by signal {-code}' if code < 0 else \
            f'failed with exit status {code}' if code else 'ended'
        text = f'{name} {how}: everything else ends too'
        if code:
            refuse(context, text)
        return [LogInfo(msg=text), Shutdown(reason=text)]
    return on_exit
