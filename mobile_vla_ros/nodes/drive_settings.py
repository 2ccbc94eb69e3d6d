"""The parameters of the drive node."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mobile_vla_ros.contract import AXES, BACKENDS, DEVICES, NS
from mobile_vla_ros.control.guard import GuardConfig
from mobile_vla_ros.control.limits import ABSURD, Limits
from mobile_vla_ros.control.obstacle import ObstacleConfig, Zone
from mobile_vla_ros.control.schedule import RATE
from mobile_vla_ros.control.stopping import Stopping
from mobile_vla_ros.nodes.parameters import Setting

LEARNED = 0.05  # m/s, rad/s: an axis whose commands span less was not used
SETTINGS = (
    Setting('checkpoint', '', 'Policy file, .onnx or .safetensors; empty: the one that ships. '
            'Changed while configured, it is loaded at once, and the base is disarmed; a file '
            'that does not load leaves the old one running', live=True),
    Setting('backend', 'auto', 'Runtime of the policy; taken at configure',
            choices=BACKENDS),
    Setting('device', 'cpu', 'Where it runs; cuda and tensorrt need an ONNX Runtime that has '
            'them; taken at configure', choices=DEVICES),
    Setting('threads', 0, 'Threads of the backend; 0: one, or more where one is slow; taken at '
            'configure', 0, 64),
    Setting('rate', RATE, 'Commands per second; taken at configure', 1.0, 200.0),
    Setting('image_timeout', GuardConfig.image_timeout_ns / NS, 'Seconds since a frame came in '
            'after which what was planned for it is stopped', 0.05, 5.0, live=True),
    Setting('instruction', '', 'Instruction at activation, as if it had been published'),
    Setting('instruction_ttl', 0.0, 'Seconds for which an instruction holds; 0: for ever',
            0.0, 86400.0, live=True),
    Setting('limits.velocity', Limits.velocity, 'Top speed of linear_x m/s, linear_y m/s, '
            'angular_z rad/s; 0 turns an axis off', 0.0, ABSURD, live=True),
    Setting('limits.acceleration', Limits.acceleration, 'How fast each speed may grow, m/s^2, '
            'm/s^2, rad/s^2', 0.0, ABSURD, live=True),
    Setting('limits.deceleration', Limits.deceleration, 'How fast each may shrink, not less than '
            'acceleration; a STOP is immediate', 0.0, ABSURD, live=True),
    Setting('stopping.distance', Stopping.distance, 'Metres from what a frame shows to standing '
            'still: old frames are driven by more slowly; 0: no bound', 0.0, 100.0, live=True),
    Setting('stopping.deceleration', Stopping.deceleration, 'What the base really achieves when '
            'told to stand, m/s^2', 0.05, ABSURD, live=True),
    Setting('stopping.reaction', Stopping.reaction, 'Seconds from a command until the base '
            'follows it', 0.0, 5.0, live=True),
    Setting('obstacle.enabled', False, 'Slow down and stop before what a laser scan shows, '
            'whatever the policy wants; without scans, stop; taken at configure'),
    Setting('obstacle.radius', Zone.radius, 'Metres from base_link to the furthest corner of the '
            'base', 0.0, 10.0, live=True),
    Setting('obstacle.margin', Zone.margin, 'Metres kept free beyond that', 0.0, 10.0, live=True),
    Setting('obstacle.timeout', ObstacleConfig.timeout_ns / NS, 'Seconds without a scan after '
            'which the base is stopped', 0.05, 5.0, live=True),
    Setting('obstacle.mount', Zone.mount, 'Where the scanner is in base_link: x m, y m, yaw rad',
            -100.0, 100.0, live=True),
    Setting('max_failures', GuardConfig.max_failures, 'Failures of the policy in a row that '
            'become a fault; taken at activate', 1, 1000),
    Setting('armed', False, 'Be armed after activation; for simulators'),
    Setting('stop_on_frozen_image', False, 'Stop while the camera repeats one image (a simulated '
            'camera does so whenever nothing moves)', live=True),
    Setting('exclusive', False, 'Stop while another node publishes on cmd_vel', live=True),
    Setting('stamped', False, 'Publish TwistStamped instead of Twist; taken at configure'),
    Setting('frame_id', 'base_link', 'Frame of a TwistStamped', live=True),
    Setting('image_transport', 'raw', 'raw: image; compressed: image/compressed; taken at '
            'configure', choices=('raw', 'compressed')),
    Setting('annotate', False, 'Publish image_annotated: the frame with the command drawn in, '
            'while someone subscribes; taken at configure'),
    Setting('publish_plan', False, 'Publish ~/plan: what the policy wants at the stamp of each '
            'frame, before limits and STOPs; taken at configure'),
    Setting('autostart', True, 'Configure and activate at start; off for a lifecycle manager'),
)


def make_limits(values: dict[str, Any]) -> Limits:
    """Return the limits in checked values; raise a ValueError where they contradict."""
    return Limits(values['limits.velocity'], values['limits.acceleration'],
                  values['limits.deceleration'])


def make_stopping(values: dict[str, Any]) -> Stopping:
    """Return what the base needs to come to rest, in checked values."""
    return Stopping(values['stopping.distance'], values['stopping.deceleration'],
                    values['stopping.reaction'])


def make_obstacles(values: dict[str, Any]) -> ObstacleConfig | None:
    """Return the settings of the obstacle monitor, or None where it is not enabled."""
    if not values['obstacle.enabled']:
        return None
    zone = Zone(values['obstacle.radius'], values['obstacle.margin'], values['obstacle.mount'])
    return ObstacleConfig(zone, int(values['obstacle.timeout'] * NS))


def turned_off(data: dict[str, Any], velocity: Sequence[float]) -> str:
    """
    Return the axes that a policy learned to use and that are turned off here; '' if none are.

    :param data: what its metadata says of its data: least and greatest command, m/s and rad/s.
    :param velocity: top speeds; 0 turns an axis off.
    """
    spans = [high - low for low, high in zip(data.get('least_command', ()),
                                             data.get('greatest_command', ()))]
    return ', '.join(axis for axis, span, top in zip(AXES, spans, velocity)
                     if span > LEARNED and not top)


def make_config(values: dict[str, Any]) -> GuardConfig:
    """Return the settings of the guard; raise a ValueError where checked values contradict."""
    return GuardConfig(make_limits(values), int(values['image_timeout'] * NS),
                       int(values['instruction_ttl'] * NS), values['max_failures'],
                       make_stopping(values), make_obstacles(values))


def check_together(values: dict[str, Any]) -> None:
    """Raise a ValueError where checked values contradict, or the policy's file is not there."""
    make_config(values)
    path = values['checkpoint']
    if path and not Path(path).is_file():
        raise ValueError(f'parameter checkpoint must name a policy file, got {path!r}: no file')
