"""The arguments of the launch files. What several files take is declared here, once."""

from collections.abc import Iterable
from dataclasses import dataclass

from mobile_vla_ros.launching.checking import Parameter
from mobile_vla_ros.launching.installed import shipped

BOOLS = ('true', 'false')


@dataclass(frozen=True)
class Argument:
    """One argument of a launch file; the text of its value is one of `choices`, if it has any."""

    name: str
    description: str
    default: str | None = ''  # None: it must be given
    choices: tuple[str, ...] = ()
    same_as: str = ''  # the argument whose value is the default


def switch(name: str, description: str, default: str = 'false', same_as: str = '') -> Argument:
    """Return an argument that is true or false."""
    return Argument(name, description, default, BOOLS, same_as)


SHARED = {argument.name: argument for argument in (
    switch('sim', 'Use the simulated robot instead of a real one'),
    Argument('namespace', 'Namespace of all nodes and topics'),
    Argument('base', 'differential: no sideways commands', 'holonomic',
             ('holonomic', 'differential')),
    switch('stamped', 'Commands are TwistStamped instead of Twist'),
    Argument('image_topic', 'Topic of the camera', 'image'),
    Argument('cmd_vel_topic', 'Topic on which the base listens for commands', 'cmd_vel'),
    Argument('seed', 'Scene of the simulator; empty: as its parameter file says'),
    switch('camera', 'On a robot: start v4l2_camera; false: the robot has its own', 'true'),
    switch('twist_mux', 'On a robot: start twist_mux between joystick, policy and base', 'true'),
    switch('joy', 'On a robot: start joy and teleop_twist_joy; needs twist_mux',
           same_as='twist_mux'),
)}


def arguments(*names: str) -> list[Argument]:
    """Return arguments that several launch files share."""
    return [SHARED[name] for name in names]


def parameters(settings: Iterable[Parameter], **descriptions: str) -> list[Argument]:
    """
    Return one argument for each parameter that is named; empty keeps the parameter file's value.

    :param settings: the node's table, which has the choices.
    :param descriptions: what `--show-args` says of each argument.
    """
    table = {setting.name: setting for setting in settings}
    return [Argument(name, text, choices=('', *filter(None, table[name].choices))
                     if table[name].choices else ())
            for name, text in descriptions.items()]


def params_file(file: str, node: str, name: str = 'params_file') -> Argument:
    """Return the argument that names a parameter file; by default it is one that ships."""
    return Argument(name, f'Parameter file of {node}', shipped('config', file))
