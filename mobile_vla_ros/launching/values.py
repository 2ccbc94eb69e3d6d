"""What a launch was given: the values of its arguments, checked."""

from collections.abc import Callable

from launch.launch_context import LaunchContext
from launch.substitutions import LaunchConfiguration
from launch_ros.utilities import make_namespace_absolute, prefix_namespace
from rclpy.exceptions import NameValidationException
from rclpy.validate_namespace import validate_namespace
from rclpy.validate_topic_name import validate_topic_name

from mobile_vla_ros.errors import first_line

# The plugins of image_transport; each publishes below the image's name.
TRANSPORTS = ('compressed', 'compressedDepth', 'theora', 'zstd', 'ffmpeg')


def value_of(context: LaunchContext, name: str) -> str:
    """Return the text of an argument."""
    return LaunchConfiguration(name).perform(context)


def is_true(context: LaunchContext, name: str) -> bool:
    """Return the value of an argument that is true or false."""
    return value_of(context, name) == 'true'


def topic_of(context: LaunchContext, name: str) -> str:
    """Return the value of an argument that names a topic; raise a ValueError if it cannot."""
    text = value_of(context, name)
    return _valid(text, validate_topic_name, f'{name}:= must be the name of a topic')


def namespace_of(context: LaunchContext, *more: str) -> str:
    """
    Return the absolute namespace of the launch, below that of a launch file which includes it.

    :param more: parts to add at its end.
    :raises ValueError: if it cannot be one.
    """
    own = '/'.join(filter(None, [value_of(context, 'namespace').rstrip('/'), *more]))
    full = make_namespace_absolute(
        prefix_namespace(context.launch_configurations.get('ros_namespace'), own)) or '/'
    return _valid(full, validate_namespace, 'namespace:= must be a namespace')


def _valid(name: str, validate: Callable[[str], object], requirement: str) -> str:
    """Return a name that `validate` takes; else raise a ValueError with the requirement."""
    try:
        validate(name)
    except (NameValidationException, ValueError) as error:
        raise ValueError(f'{requirement}, got {name!r}: {first_line(error)}') from None
    return name


def image_remappings(context: LaunchContext, name: str) -> list[tuple[str, str]]:
    """
    Return the remappings that bring the camera topic `name` to the argument image_topic.

    A remapped image does not take along what is published beside it. So the topic of each
    transport and camera_info are remapped as well.
    """
    image = topic_of(context, 'image_topic')
    for transport in TRANSPORTS:
        if image.endswith('/' + transport):
            raise ValueError(f'image_topic:= must be the name without /{transport}, which '
                             f'image_transport:= adds; got {image!r}')
    return [(name, image),
            *((f'{name}/{transport}', f'{image}/{transport}') for transport in TRANSPORTS),
            ('camera_info', image.rpartition('/')[0] + '/camera_info' if '/' in image
             else 'camera_info')]
