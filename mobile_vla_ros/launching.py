"""What the launch files share; imported by them only."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import GroupAction, IncludeLaunchDescription, SetEnvironmentVariable
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.parameter_descriptions import ParameterValue

from mobile_vla_ros.transport import PROFILE_VARIABLE

BOOLS = ['true', 'false']
WORDS = {int: 'a whole number', float: 'a number'}


def shipped(*parts: str) -> str:
    """Return the installed path of one of the package's files; `--show-args` shows it."""
    return str(Path(get_package_share_directory('mobile_vla_ros'), *parts))


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


def is_true(context, name: str) -> bool:
    """Return the value of an argument that has `choices=BOOLS`."""
    return LaunchConfiguration(name).perform(context) == 'true'


def given(context, **kinds: type) -> dict:
    """
    Return parameters from the arguments of the same names that are not empty.

    An empty argument leaves the parameter file's value. Text stays text, even '1' or 'yes'.

    :raises RuntimeError: if an argument is not of its kind; the message has the value.
    """
    parameters = {}
    for name, kind in kinds.items():
        text = LaunchConfiguration(name).perform(context)
        if not text:
            continue
        try:
            value = text == 'true' if kind is bool else kind(text)
        except ValueError:
            raise RuntimeError(f'{name}:= takes {WORDS[kind]}, got {text!r}') from None
        parameters[name] = ParameterValue(value, value_type=kind)
    return parameters
