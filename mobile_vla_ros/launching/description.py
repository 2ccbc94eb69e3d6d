"""What the launch files share; imported by them only. Nothing starts before all is checked."""

import os
from pathlib import Path
import sys

from ament_index_python.packages import (get_package_prefix, get_package_share_directory,
                                         PackageNotFoundError)
from launch import LaunchDescription
from launch.actions import (GroupAction, IncludeLaunchDescription, LogInfo, OpaqueFunction,
                            SetEnvironmentVariable, Shutdown, TimerAction)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.utilities import make_namespace_absolute, prefix_namespace
from rclpy.exceptions import InvalidNamespaceException, InvalidTopicNameException
from rclpy.validate_namespace import validate_namespace
from rclpy.validate_topic_name import validate_topic_name

from mobile_vla_ros.environment.transport import PROFILE_VARIABLE
from mobile_vla_ros.launching import params_file

PACKAGE = 'mobile_vla_ros'
BOOLS = ['true', 'false']
# What launch itself takes from anybody.
OF_LAUNCH = ('launch-prefix', 'launch-prefix-filter', 'emulate_tty', 'sigterm_timeout',
             'sigkill_timeout', 'log_level')
# image_transport's plugins; each publishes below the image's name.
TRANSPORTS = ('compressed', 'compressedDepth', 'theora', 'zstd', 'ffmpeg')
REFUSED = 'mobile_vla_ros_refused'
# After SIGINT, so that nothing is left after 2 s. The recorder gets the time to close its file.
ENDING = {'sigterm_timeout': LaunchConfiguration('sigterm_timeout', default='1.0'),
          'sigkill_timeout': LaunchConfiguration('sigkill_timeout', default='0.9')}
PATIENT = {'sigterm_timeout': LaunchConfiguration('sigterm_timeout', default='5.0'),
           'sigkill_timeout': LaunchConfiguration('sigkill_timeout', default='20.0')}


def shipped(*parts: str) -> str:
    """Return the installed path of one of the package's files; `--show-args` shows it."""
    return str(Path(get_package_share_directory(PACKAGE), *parts))


def transport_profile() -> SetEnvironmentVariable:
    """Give Fast DDS shared memory that holds a camera image, unless the user has a profile."""
    profile = shipped('config', 'fastdds_shm.xml')
    return SetEnvironmentVariable(
        PROFILE_VARIABLE, EnvironmentVariable(PROFILE_VARIABLE, default_value=profile))


def include(name: str, condition, **arguments) -> GroupAction:
    """Include a launch file in a scope of its own, so that its arguments stay its own."""
    source = PythonLaunchDescriptionSource(shipped('launch', name))
    return GroupAction([IncludeLaunchDescription(source, launch_arguments=arguments.items())],
                       condition=condition)


# -- refusing


def described(file: str, *entities) -> LaunchDescription:
    """
    Return the description of a launch file, which refuses arguments that it does not have.

    :param file: the launch file's `__file__`.
    """
    known = {argument.name for argument in LaunchDescription(entities).get_launch_arguments()}

    def names(context):
        for name in (text.partition(':=')[0] for text in context.argv if launched(file)):
            if name not in known and name not in OF_LAUNCH:
                raise ValueError(f'unknown argument {name}:=; '
                                 + params_file.nearest(name, sorted(known)))
        return []
    return LaunchDescription([action(names), *entities])


def launched(file: str) -> bool:
    """Return whether `ros2 launch` was given this file, and not one that includes it."""
    path = Path(file).resolve()
    return any(word == path.name and before == PACKAGE or Path(word).resolve() == path
               for before, word in zip(sys.argv, sys.argv[1:]))


def action(function) -> OpaqueFunction:
    """
    Return the action of `function(context) -> actions`, which may raise to refuse the launch.

    After that none of the package's launch files starts anything. The error is raised once more
    from an event, because launch forgets what it has started when a description raises.
    """
    def guarded(context):
        if REFUSED in context.get_locals_as_dict():
            return []
        try:
            return function(context)
        except (ValueError, RuntimeError, OSError) as error:
            context.extend_globals({REFUSED: True})
            return [TimerAction(period=0.0, actions=[
                OpaqueFunction(function=refuse, args=[' '.join(str(error).split())])])]
    return OpaqueFunction(function=guarded)


def refuse(context, text: str):
    """End everything that this launch started; its exit status becomes 1."""
    raise RuntimeError(text)


def planned(function) -> tuple:
    """Return two actions: one that makes nodes, and so checks all, and one that starts them."""
    made = []

    def check(context):
        made[:] = function(context)
        return []
    return action(check), action(lambda context: made)


def ends_all(name: str):
    """Return what a node's end does: it ends the others, and says whose end it was."""
    def ended(event, context):
        if context.is_shutdown:
            return None
        code = event.returncode
        how = f'was killed by signal {-code}' if code < 0 else \
            f'failed with exit status {code}' if code else 'ended'
        text = f'{name} {how}: everything else ends too'
        if code:
            refuse(context, text)
        return [LogInfo(msg=text), Shutdown(reason=text)]
    return ended


# -- arguments


def value_of(context, name: str) -> str:
    """Return an argument's text."""
    return LaunchConfiguration(name).perform(context)


def is_true(context, name: str) -> bool:
    """Return the value of an argument that has `choices=BOOLS`."""
    return value_of(context, name) == 'true'


def topic(context, name: str) -> str:
    """Return the argument that names a topic; raise a ValueError if none is called so."""
    text = value_of(context, name)
    try:
        validate_topic_name(text)
    except (InvalidTopicNameException, ValueError) as error:
        raise ValueError(f'{name}:= must be the name of a topic, got {text!r}: '
                         f'{str(error).splitlines()[0]}') from None
    return text


def image_rules(context, name: str) -> list:
    """
    Return the remappings that bring the camera topic `name` to the argument image_topic.

    A remapped image does not take along what is published beside it: each transport's topic and
    camera_info have rules of their own.
    """
    image = topic(context, 'image_topic')
    for transport in TRANSPORTS:
        if image.endswith('/' + transport):
            raise ValueError(f'image_topic:= must be the name without /{transport}, which '
                             f'image_transport:= adds; got {image!r}')
    return [(name, image),
            *((f'{name}/{transport}', f'{image}/{transport}') for transport in TRANSPORTS),
            ('camera_info', image.rpartition('/')[0] + '/camera_info' if '/' in image
             else 'camera_info')]


def in_namespace(context, *more: str) -> str:
    """Return the absolute namespace of the launch, one given by an including file before it."""
    own = '/'.join(filter(None, [value_of(context, 'namespace').rstrip('/'), *more]))
    full = make_namespace_absolute(
        prefix_namespace(context.launch_configurations.get('ros_namespace'), own)) or '/'
    try:
        validate_namespace(full)
    except (InvalidNamespaceException, ValueError) as error:
        raise ValueError(f'namespace:= must be a namespace, got {full!r}: '
                         f'{str(error).splitlines()[0]}') from None
    return full


# -- nodes


def executable_there(package: str, executable: str, remedy: str):
    """Raise a ValueError if a package or its executable is not installed."""
    try:
        path = Path(get_package_prefix(package), 'lib', package, executable)
    except PackageNotFoundError:
        raise ValueError(f"package '{package}' not found: {remedy}") from None
    if not os.access(path, os.X_OK):
        raise ValueError(f"package '{package}' has no executable {path}: {remedy}")


def defaults(settings) -> dict:
    """Return name: default of a node's table."""
    return {setting.name: setting.default for setting in settings}


def given(context, settings, node: str, files=(), arguments=(), fixed=None) -> dict:
    """
    Return name: checked value of what files, then arguments, then `fixed` set.

    An empty argument leaves the file's value.

    :param node: the node's name with its namespace.
    :raises ValueError: for whatever the node would not take.
    """
    table = {setting.name: setting for setting in settings}
    values = {}
    for path in files:
        values.update(params_file.check(path, node, settings))
    for argument in arguments:
        text = value_of(context, argument)
        if text:
            values[argument] = params_file.from_argument(table[argument], text)
    return {**values, **(fixed or {})}


def our_node(context, executable: str, settings, files=(), arguments=(), fixed=None,
             within=(), check=None, **kwargs) -> Node:
    """
    Return one of our nodes with the parameters that files and then arguments set.

    All are checked by the node's own table, and written into one file: what was checked is
    what the node gets, text as text.

    :param files: parameter files; a later one overrides an earlier one.
    :param arguments: names of launch arguments that are parameters of the same names.
    :param fixed: parameters that are given in any case.
    :param within: parts to add to the namespace.
    :param check: gets all values, and raises a ValueError where they contradict.
    :raises ValueError: for whatever cannot be.
    """
    executable_there(PACKAGE, executable, 'build the workspace anew and source it')
    namespace = in_namespace(context, *within)
    name = namespace.rstrip('/') + '/' + executable
    values = given(context, settings, name, files, arguments, fixed)
    if check:
        check({**defaults(settings), **values})
    return Node(package=PACKAGE, executable=executable, name=executable, namespace=namespace,
                output='screen', parameters=[params_file.write(name, values)],
                **{'on_exit': ends_all(f'the {executable} node'), **ENDING, **kwargs})


def other_node(context, package: str, executable: str, name: str, argument: str, remedy: str,
               parameters=(), shared_with=(), **kwargs) -> Node:
    """
    Return another package's node with its parameter file.

    :param argument: the launch argument that names the file.
    :param remedy: what to do where the package is not installed.
    :param parameters: what overrides the file.
    :param shared_with: names of nodes that the file may be for as well.
    :raises ValueError: if the package is not installed, or the file is not for the node.
    """
    executable_there(package, executable, remedy)
    namespace = in_namespace(context)
    path = value_of(context, argument)
    names = [namespace.rstrip('/') + '/' + each for each in (name, *shared_with)]
    params_file.said_to(path, *names)
    return Node(package=package, executable=executable, name=name, namespace=namespace,
                parameters=[path, *parameters], on_exit=ends_all(name), **ENDING, **kwargs)
