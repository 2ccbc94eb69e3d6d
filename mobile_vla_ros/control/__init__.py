"""Everything between a camera frame and a command. No ROS."""
