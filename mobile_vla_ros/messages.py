"""Conversions between ROS messages and plain values, all of them; `images` decodes images."""

from array import array
from collections.abc import Iterable
import math
from typing import Any

from builtin_interfaces.msg import Time
import cv2
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import TransformStamped, Twist, TwistStamped
from nav_msgs.msg import Odometry
import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan

from mobile_vla_ros.contract import BASE_FRAME, Command, NS
from mobile_vla_ros.control.obstacle import Scan
from mobile_vla_ros.images import bridge
from mobile_vla_ros.images.decode import (  # noqa: F401
    compressed_to_rgb, image_to_rgb, MessageError)

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def to_ns(stamp: Any) -> int:
    """Return a builtin_interfaces/Time in ns."""
    return stamp.sec * NS + stamp.nanosec


def to_stamp(ns: int) -> Time:
    """Return ns as a builtin_interfaces/Time."""
    return Time(sec=int(ns // NS), nanosec=int(ns % NS))


def to_twist(command: Command) -> Twist:
    """Return a command in m/s and rad/s as a Twist; the other axes are exactly zero."""
    msg = Twist()
    msg.linear.x, msg.linear.y, msg.angular.z = command
    return msg


def to_twist_stamped(command: Command, now_ns: int, frame_id: str) -> TwistStamped:
    """Return a command as a TwistStamped in `frame_id`."""
    msg = TwistStamped(twist=to_twist(command))
    msg.header.stamp = to_stamp(now_ns)
    msg.header.frame_id = frame_id
    return msg


def to_command(msg: Any) -> Command:
    """
    Return the command in a Twist or a TwistStamped.

    :raises MessageError: if a value is not finite.
    """
    twist = getattr(msg, 'twist', msg)
    command = Command(twist.linear.x, twist.linear.y, twist.angular.z)
    if not all(math.isfinite(value) for value in command):
        raise MessageError('value', f'twist {tuple(command)} must be finite')
    return command


def to_scan(msg: Any) -> Scan:
    """
    Return a sensor_msgs/LaserScan as plain values.

    :raises MessageError: if it contradicts itself.
    """
    try:
        return Scan(msg.ranges, msg.angle_min, msg.angle_increment, msg.range_min, msg.range_max)
    except ValueError as error:
        raise MessageError('scan', str(error)) from error


def to_laser_scan(ranges: np.ndarray, angle_min: float, angle_increment: float, reach: float,
                  stamp_ns: int, frame_id: str, near: float = 0.0,
                  period_s: float = 0.0) -> LaserScan:
    """
    Return ranges (n,) in m, angles in rad, as a LaserScan.

    All rays are of one moment, so its time_increment is 0. By REP-117 a range beyond `reach` m is
    +Inf, and one below `near` m is -Inf.

    :param period_s: time from one scan to the next; 0: not known.
    """
    msg = LaserScan(angle_min=angle_min, angle_increment=angle_increment, range_max=reach,
                    angle_max=angle_min + angle_increment * (len(ranges) - 1),
                    range_min=near, scan_time=period_s, time_increment=0.0)
    msg.header.stamp = to_stamp(stamp_ns)
    msg.header.frame_id = frame_id
    measured = np.where(ranges < near, -np.inf, np.where(ranges <= reach, ranges, np.inf))
    msg.ranges = array('f', measured.astype(np.float32).tobytes())
    return msg


def to_image(rgb: np.ndarray, stamp_ns: int, frame_id: str) -> Image:
    """Return pixels (height, width, 3) uint8 as an rgb8 Image."""
    if bridge.makes_images():
        msg = bridge.bridge().cv2_to_imgmsg(rgb, 'rgb8')
    else:
        height, width, channels = rgb.shape
        msg = Image(height=height, width=width, encoding='rgb8', step=width * channels,
                    data=_bytes(np.ascontiguousarray(rgb)))
    msg.header.stamp = to_stamp(stamp_ns)
    msg.header.frame_id = frame_id
    return msg


def to_compressed(rgb: np.ndarray, stamp_ns: int, frame_id: str) -> CompressedImage:
    """Return pixels (height, width, 3) uint8 as a JPEG of OpenCV's usual quality."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    if bridge.makes_jpegs():
        msg = bridge.bridge().cv2_to_compressed_imgmsg(bgr, 'jpg')
    else:
        msg = CompressedImage(data=_bytes(cv2.imencode('.jpg', bgr)[1]))
    msg.format = 'rgb8; jpeg compressed bgr8'  # as image_transport writes and reads it
    msg.header.stamp = to_stamp(stamp_ns)
    msg.header.frame_id = frame_id
    return msg


def _bytes(content: Any) -> array:
    """Return an array; a message would check anything else value by value."""
    data = array('B')
    data.frombytes(memoryview(content).cast('B'))
    return data


def replayed(image: Any, stamp_ns: int) -> Image | CompressedImage:
    """Return an image message of a bag, raw or compressed, as one of ROS with another stamp."""
    if hasattr(image, 'format'):
        msg = CompressedImage(format=image.format)
    else:
        msg = Image(height=int(image.height), width=int(image.width), encoding=image.encoding,
                    is_bigendian=int(image.is_bigendian), step=int(image.step))
    msg.header.stamp = to_stamp(stamp_ns)
    msg.header.frame_id = image.header.frame_id
    msg.data = _bytes(image.data)
    return msg


def to_camera_info(matrix: np.ndarray, width: int, height: int, stamp_ns: int,
                   frame_id: str) -> CameraInfo:
    """Return a pinhole camera without distortion; `matrix` is K (3, 3) in pixels."""
    matrix = np.asarray(matrix, float)
    msg = CameraInfo(width=width, height=height, distortion_model='plumb_bob', d=[0.0] * 5)
    msg.header.stamp = to_stamp(stamp_ns)
    msg.header.frame_id = frame_id
    msg.k = matrix.ravel().tolist()
    msg.r = np.eye(3).ravel().tolist()
    msg.p = np.hstack([matrix, np.zeros((3, 1))]).ravel().tolist()
    return msg


def to_odometry(pose: Iterable[float], velocity: Iterable[float], stamp_ns: int) -> Odometry:
    """Return pose (x m, y m, yaw rad) in odom and velocity (m/s, m/s, rad/s) in base_link."""
    msg = Odometry(child_frame_id=BASE_FRAME)
    msg.header.stamp = to_stamp(stamp_ns)
    msg.header.frame_id = 'odom'
    x, y, yaw = (float(value) for value in pose)
    msg.pose.pose.position.x, msg.pose.pose.position.y = x, y
    msg.pose.pose.orientation.z = math.sin(yaw / 2.0)
    msg.pose.pose.orientation.w = math.cos(yaw / 2.0)
    msg.twist.twist = to_twist(Command(*(float(value) for value in velocity)))
    return msg


def to_transform(odometry: Odometry) -> TransformStamped:
    """Return the transform odom -> base_link that an odometry message states."""
    msg = TransformStamped(header=odometry.header, child_frame_id=odometry.child_frame_id)
    position = odometry.pose.pose.position
    msg.transform.translation.x, msg.transform.translation.y = position.x, position.y
    msg.transform.rotation = odometry.pose.pose.orientation
    return msg


def to_mount(position: Iterable[float], rotation: Iterable[float], frame_id: str,
             stamp_ns: int) -> TransformStamped:
    """Return where a sensor sits in base_link: x, y, z in m and a quaternion x, y, z, w."""
    msg = TransformStamped(child_frame_id=frame_id)
    msg.header.stamp = to_stamp(stamp_ns)
    msg.header.frame_id = BASE_FRAME
    place, turn = msg.transform.translation, msg.transform.rotation
    place.x, place.y, place.z = (float(value) for value in position)
    turn.x, turn.y, turn.z, turn.w = (float(value) for value in rotation)
    return msg


Status = tuple[str, bytes, str, dict[str, Any]]  # name, level, message, values


def to_diagnostics(statuses: Iterable[Status], now_ns: int) -> DiagnosticArray:
    """
    Return statuses as a DiagnosticArray.

    What UTF-8 cannot write becomes a question mark: an error's text may hold anything.
    """
    msg = DiagnosticArray()
    msg.header.stamp = to_stamp(now_ns)
    for name, level, message, values in statuses:
        msg.status.append(DiagnosticStatus(
            name=name, level=level, message=_writable(message), hardware_id='',
            values=[KeyValue(key=_writable(key), value=_writable(value))
                    for key, value in values.items()]))
    return msg


def _writable(value: Any) -> str:
    return str(value).encode('utf-8', 'replace').decode()
