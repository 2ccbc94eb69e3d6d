"""The nodes of a launch, each with parameters that were checked before anything starts."""

from collections.abc import Callable, Iterable
from typing import Any

from launch.launch_context import LaunchContext
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from mobile_vla_ros.environment.share import PACKAGE
from mobile_vla_ros.launching import params_file
from mobile_vla_ros.launching.checking import check_argument, check_file, Parameter
from mobile_vla_ros.launching.description import end_all_after
from mobile_vla_ros.launching.installed import require_executable
from mobile_vla_ros.launching.values import namespace_of, value_of

Values = dict[str, Any]
# Seconds after SIGINT, so that nothing is left after 2 s.
ENDING = {'sigterm_timeout': LaunchConfiguration('sigterm_timeout', default='1.0'),
          'sigkill_timeout': LaunchConfiguration('sigkill_timeout', default='0.9')}
# A node that writes a file has the time to close it.
PATIENT = {'sigterm_timeout': LaunchConfiguration('sigterm_timeout', default='5.0'),
           'sigkill_timeout': LaunchConfiguration('sigkill_timeout', default='20.0')}


def defaults(settings: Iterable[Parameter]) -> Values:
    """Return {name: default} of a node's table."""
    return {setting.name: setting.default for setting in settings}


def checked_values(context: LaunchContext, settings: Iterable[Parameter], node: str,
                   files: Iterable[str] = (), arguments: Iterable[str] = ()) -> Values:
    """
    Return {name: checked value} of the parameters that files, and then arguments, set.

    An empty argument leaves the file's value.

    :param node: the node's name with its namespace.
    :raises ValueError: for whatever the node would not take.
    """
    table = {setting.name: setting for setting in settings}
    values: Values = {}
    for path in files:
        values.update(check_file(path, node, table.values()))
    for name in arguments:
        text = value_of(context, name)
        if text:
            values[name] = check_argument(table[name], text)
    return values


def our_node(context: LaunchContext, executable: str, settings: Iterable[Parameter],
             files: Iterable[str] = (), arguments: Iterable[str] = (),
             fixed: Values | None = None, within: Iterable[str] = (),
             check: Callable[[Values], object] | None = None, **options: Any) -> Node:
    """
    Return one of our nodes with the parameters that files, and then arguments, set.

    The node's own table checks them. They are written into one file, so the node gets what was
    checked, and text stays text.

    :param files: parameter files; a later one overrides an earlier one.
    :param arguments: names of launch arguments that are parameters of the same names.
    :param fixed: parameters that override files and arguments.
    :param within: parts to add to the namespace.
    :param check: gets all values, and raises a ValueError where they contradict each other.
    :param options: further ones of `launch_ros.actions.Node`.
    :raises ValueError: for whatever the node would not take.
    """
    require_executable(PACKAGE, executable, 'build the workspace anew and source it')
    namespace = namespace_of(context, *within)
    name = namespace.rstrip('/') + '/' + executable
    values = {**checked_values(context, settings, name, files, arguments), **(fixed or {})}
    if check:
        check({**defaults(settings), **values})
    return Node(package=PACKAGE, executable=executable, name=executable, namespace=namespace,
                output='screen', parameters=[params_file.write(name, values)],
                **{'on_exit': end_all_after(f'the {executable} node'), **ENDING, **options})


def other_node(context: LaunchContext, package: str, executable: str, name: str, argument: str,
               remedy: str, overrides: Iterable[str | Values] = (),
               shared_with: Iterable[str] = (), **options: Any) -> Node:
    """
    Return another package's node with its parameter file.

    :param argument: the launch argument that names the file.
    :param remedy: what to do where the package is not installed.
    :param overrides: files and parameters that override that file.
    :param shared_with: names of other nodes that the file may be for.
    :param options: further ones of `launch_ros.actions.Node`.
    :raises ValueError: if the package is not installed, or the file is not for the node.
    """
    require_executable(package, executable, remedy)
    namespace = namespace_of(context)
    path = value_of(context, argument)
    names = [namespace.rstrip('/') + '/' + each for each in (name, *shared_with)]
    params_file.parameters_of(path, *names)  # refuses a file that is for none of them
    return Node(package=package, executable=executable, name=name, namespace=namespace,
                parameters=[path, *overrides], on_exit=end_all_after(name), **ENDING, **options)
