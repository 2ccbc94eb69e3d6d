"""Parameters, each declared once: its default, what it means, what it takes."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
import math
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult)

from mobile_vla_ros.errors import first_line
from mobile_vla_ros.launching.checking import is_of_ros, suggestion


@dataclass(frozen=True)
class Setting:
    """One parameter. Its type is that of the default; a tuple stands for as many floats."""

    name: str
    default: Any
    description: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    live: bool = False  # may change while the node is configured

    def check(self, value: Any) -> Any:
        """
        Return the value in the parameter's type.

        :raises ValueError: if it is not allowed; with the value, and what is allowed.
        """
        kind = type(self.default)
        if kind is tuple:
            good = not isinstance(value, (str, bytes)) and hasattr(value, '__len__') \
                and len(value) == len(self.default) and all(map(self._in_range, value))
        elif kind in (int, float):
            good = self._in_range(value) and (kind is float or isinstance(value, int))
        else:
            good = isinstance(value, kind) and (not self.choices or value in self.choices)
        if not good:
            shown = list(value) if hasattr(value, 'tolist') else value
            hint = f"; as text it stands in quotes: '\"{shown}\"'" \
                if kind is str and isinstance(value, (bool, int, float)) and not self.choices \
                else ''
            raise ValueError(f'parameter {self.name} must be {self.allowed}, got {shown!r:.200}'
                             + hint)
        return tuple(map(float, value)) if kind is tuple else kind(value)

    @property
    def allowed(self) -> str:
        """Return in words what is allowed."""
        if self.choices:
            return 'one of ' + ', '.join(self.choices)
        span = '' if math.isinf(self.low) else f' within {self.low:.10g}..{self.high:.10g}'
        return {bool: 'true or false', str: 'text', int: 'a whole number' + span,
                float: 'a number' + span,
                tuple: f'a list of {len(self.default) if isinstance(self.default, tuple) else 0} '
                       'numbers' + span}[type(self.default)]

    def descriptor(self) -> ParameterDescriptor:
        """Return what `ros2 param describe` and rqt show."""
        # Dynamic typing, so that `rate:=20` is as good as `rate:=20.0`. `check` refuses a value of
        # another type; rclpy would name neither the parameter nor the value.
        descriptor = ParameterDescriptor(description=self.description, dynamic_typing=True,
                                         additional_constraints=self.allowed)
        if math.isfinite(self.low) and type(self.default) is float:
            descriptor.floating_point_range = [FloatingPointRange(
                from_value=float(self.low), to_value=float(self.high), step=0.0)]
        elif math.isfinite(self.low) and type(self.default) is int:
            descriptor.integer_range = [IntegerRange(
                from_value=int(self.low), to_value=int(self.high), step=0)]
        return descriptor

    def _in_range(self, value: Any) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool) \
            and math.isfinite(value) and self.low <= value <= self.high


Changes = dict[str, Any]


def refuse_all_but(names: Collection[str], changes: Changes) -> None:
    """
    Let only these parameters change while a node runs.

    :raises ValueError: for one that is taken at start.
    """
    for name, value in changes.items():
        if name not in names:
            raise ValueError(f'parameter {name} is taken at start: restart the node to '
                             f'set {value!r}')


def refuse_all(changes: Changes) -> None:
    """Let no parameter change while a node runs."""
    refuse_all_but((), changes)


def declare(node: Any, settings: Iterable[Setting],
            take: Callable[[Changes], None] = refuse_all) -> dict[str, Any]:
    """
    Declare every parameter on a node and return {name: checked value}.

    :param take: called with {name: checked value} of every later change; raises to refuse it.
        By default every change is refused.
    :raises ValueError: for a name that the node does not have, or a value that it does not take.
    """
    table = {setting.name: setting for setting in settings}
    _check_overrides(node, table)
    values = {}
    for name, setting in table.items():
        default = list(setting.default) if isinstance(setting.default, tuple) else setting.default
        parameter = node.declare_parameter(name, default, setting.descriptor())
        values[name] = setting.check(parameter.value)

    def on_change(parameters: Iterable[Any]) -> SetParametersResult:
        try:
            changes = {parameter.name: table[parameter.name].check(parameter.value)
                       for parameter in parameters if parameter.name in table}
            if changes:
                take(changes)
        except Exception as error:  # also whatever a backend raises for a file
            return SetParametersResult(successful=False, reason=first_line(error))
        return SetParametersResult(successful=True)
    node.add_on_set_parameters_callback(on_change)
    return values


def _check_overrides(node: Any, table: dict[str, Setting]) -> None:
    """Raise a ValueError for what a command line or a file sets and the node does not take."""
    # rclpy has no public way to list it.
    overrides = getattr(node, '_parameter_overrides', {})
    for name in sorted(overrides):
        if name not in table and not is_of_ros(name):
            raise ValueError(f'unknown parameter {name!r} for node {node.get_name()}: '
                             + suggestion(name, table))
    for name, setting in table.items():
        if name in overrides:
            setting.check(overrides[name].value)


def describe(settings: Iterable[Setting]) -> str:
    """Return one paragraph for each parameter, for --help."""
    return '\n'.join(f'  {setting.name} ({setting.allowed}; default {setting.default!r}): '
                     f'{setting.description}.' for setting in settings)
