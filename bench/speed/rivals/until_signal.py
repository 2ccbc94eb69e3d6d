"""Ends the small nodes that ours is measured beside, whatever they still hold."""

import signal

import rclpy
from rclpy.signals import SignalHandlerOptions


def start() -> None:
    """Begin ROS; the signals are left to `spin`."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)


def spin(executor) -> None:
    """Spin until SIGINT or SIGTERM."""
    done = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.append(True))
    while not done:
        executor.spin_once(timeout_sec=0.2)
