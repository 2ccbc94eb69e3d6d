"""Image messages of ROS and of bags as RGB arrays."""
