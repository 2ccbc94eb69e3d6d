"""Image messages of ROS and of bags as RGB arrays, or an error that says what is wrong."""

from mobile_vla_ros.errors import MessageError
from mobile_vla_ros.images.decode import check, compressed_to_rgb, decode, image_to_rgb

__all__ = ['MessageError', 'check', 'compressed_to_rgb', 'decode', 'image_to_rgb']
