"""Parameters declared once: default, words, range; every value is checked by the same code."""

from dataclasses import dataclass
import math

from rcl_interfaces.msg import (
    FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult)

from mobile_vla_ros.errors import first_line
from mobile_vla_ros.launching.checking import is_of_ros, suggestion


@dataclass(frozen=True)
class Setting:
    """One parameter; its type is that of the default (a tuple: that many floats)."""

    name: str
    default: object
    description: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple = ()
    live: bool = False  # may change while the node is configured

    def check(self, value):
        """Return the value in its type; raise a ValueError that states it and what is allowed."""
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
        """Return what is allowed, in words."""
        if self.choices:
            return 'one of ' + ', '.join(self.choices)
        span = '' if math.isinf(self.low) else f' within {self.low:.10g}..{self.high:.10g}'
        return {bool: 'true or false', str: 'text', int: 'a whole number' + span,
                float: 'a number' + span,
                tuple: f'a list of {len(self.default) if isinstance(self.default, tuple) else 0} '
                       'numbers' + span}[type(self.default)]

    def descriptor(self) -> ParameterDescriptor:
        """Return the words and range for `ros2 param describe` and rqt."""
        # Dynamic typing: `rate:=20` is as good as `rate:=20.0`, and a value of another
        # type is refused by `check`, where rclpy would name neither the parameter nor the value.
        text = ParameterDescriptor(description=self.description, dynamic_typing=True,
                                   additional_constraints=self.allowed)
        if math.isfinite(self.low) and type(self.default) is float:
            text.floating_point_range = [FloatingPointRange(
                from_value=float(self.low), to_value=float(self.high), step=0.0)]
        elif math.isfinite(self.low) and type(self.default) is int:
            text.integer_range = [IntegerRange(
                from_value=int(self.low), to_value=int(self.high), step=0)]
        return text

    def _in_range(self, value) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool) \
            and math.isfinite(value) and self.low <= value <= self.high


def refuse_all_but(names, changes: dict) -> None:
    """
    Let only the settings with these names change while a node runs.

    :raises ValueError: for one that is taken at start.
    """
    for name, value in changes.items():
        if name not in names:
            raise ValueError(f'parameter {name} is taken at start: restart the node to '
                             f'set {value!r}')


def refuse_all(changes: dict) -> None:
    """Let no setting change while a node runs."""
    refuse_all_but((), changes)


def declare(node, settings, take=refuse_all) -> dict:
    """
    Declare every setting on a node and return name: checked value.

    :param take: is given name: checked value of every later change, and raises to refuse it;
        without one, none is taken.
    :raises ValueError: for a name that the node has not, or a value that it does not take.
    """
    known = {setting.name: setting for setting in settings}
    # rclpy has no public way to list what a command line or a file sets.
    given = getattr(node, '_parameter_overrides', {})
    for name in sorted(given):
        if name not in known and not is_of_ros(name):
            raise ValueError(f'unknown parameter {name!r} for node {node.get_name()}: '
                             + suggestion(name, known))
    for setting in settings:
        if setting.name in given:
            setting.check(given[setting.name].value)
    values = {}
    for setting in settings:
        default = list(setting.default) if isinstance(setting.default, tuple) else setting.default
        parameter = node.declare_parameter(setting.name, default, setting.descriptor())
        values[setting.name] = setting.check(parameter.value)

    def answer(parameters) -> SetParametersResult:
        try:
            changes = {parameter.name: known[parameter.name].check(parameter.value)
                       for parameter in parameters if parameter.name in known}
            if changes:
                take(changes)
        except Exception as error:  # also whatever a backend raises for a file
            return SetParametersResult(successful=False, reason=first_line(error))
        return SetParametersResult(successful=True)
    node.add_on_set_parameters_callback(answer)
    return values


def describe(settings) -> str:
    """Return one paragraph a setting, for --help."""
    return '\n'.join(f'  {setting.name} ({setting.allowed}; default {setting.default!r}): '
                     f'{setting.description}.' for setting in settings)
