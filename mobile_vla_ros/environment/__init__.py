"""What this machine and this installation offer. No ROS."""
