"""Check parameters by a node's own table, before the node starts; without ROS."""

from collections.abc import Iterable
import difflib
from pathlib import Path
from typing import Any, Protocol

from mobile_vla_ros.launching.params_file import parameters_of
from mobile_vla_ros.launching.ros_yaml import value_of
from mobile_vla_ros.yaml_file import compose


class Parameter(Protocol):
    """A row of a node's table: what is used here of `nodes.parameters.Setting`."""

    @property
    def name(self) -> str:
        """Return the parameter's name."""

    @property
    def default(self) -> Any:
        """Return the default, whose type is that of the parameter."""

    @property
    def choices(self) -> tuple[str, ...]:
        """Return the only texts that it takes; none: it takes any."""

    @property
    def allowed(self) -> str:
        """Return in words what it takes."""

    def check(self, value: Any) -> Any:
        """Return the value in the parameter's type; raise a ValueError if it is not allowed."""


def is_of_ros(name: str) -> bool:
    """Return whether every node has a parameter of this name, by ROS itself."""
    return name in ('use_sim_time', 'start_type_description_service') \
        or name.startswith('qos_overrides.')


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return known names for an error: the one that was probably meant, or all."""
    known = list(known)
    close = difflib.get_close_matches(name, known, 1, 0.7)
    return f'did you mean {close[0]}?' if close else 'there are ' + ', '.join(known)


def check_file(path: str | Path, node: str, settings: Iterable[Parameter]) -> dict[str, Any]:
    """
    Return {name: checked value} of what a file has for one of our nodes.

    Text that looks like a number or a yes is text where the parameter is.

    :param node: the node's name with its namespace.
    :param settings: the node's table.
    :raises ValueError: for whatever the node would refuse or not see; in one line.
    """
    known = {setting.name: setting for setting in settings}
    values = {}
    for name, written in parameters_of(path, node).items():
        setting = known.get(name)
        try:
            if setting is None and not is_of_ros(name):
                raise ValueError(f'unknown parameter {name!r}: {suggestion(name, known)}')
            value = value_of(written, setting is not None and isinstance(setting.default, str))
            if name == 'use_sim_time' and not isinstance(value, bool):
                raise ValueError(f'parameter use_sim_time must be true or false, got {value!r}')
            values[name] = setting.check(value) if setting else value
        except ValueError as error:
            raise ValueError(f'parameter file {path}, line {written.start_mark.line + 1}: '
                             f'{error}') from None
    return values


def check_argument(setting: Parameter, text: str) -> Any:
    """
    Return the value of a parameter from the text of a launch argument.

    :raises ValueError: if the parameter does not take it.
    """
    try:
        if isinstance(setting.default, str):
            return setting.check(text)
        return setting.check(value_of(compose(text)))
    except ValueError:
        raise ValueError(f'{setting.name}:= must be {setting.allowed}, got {text!r}') from None
