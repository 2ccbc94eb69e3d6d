"""
VGA frames from one process to another, best effort: how many arrive, and when.

    python -m bench.speed.frames --note FILE [--frames N] [--default-profile]

FILE gets the delay in ms of every frame that came.
"""

import argparse
import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

from bench.speed.latency import CODES
from mobile_vla_ros.environment import transport
from mobile_vla_ros.environment.domain import own_domain


def main() -> int:
    """Publish at 30 Hz to an echo node."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--note', type=Path, required=True)
    parser.add_argument('--frames', type=int, default=100)
    parser.add_argument('--default-profile', action='store_true')
    args = parser.parse_args()
    if args.default_profile:
        os.environ.pop(transport.PROFILE_VARIABLE, None)
    else:
        os.environ.update(transport.profile())
    import rclpy
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import Image

    from mobile_vla_ros import messages

    with own_domain() as domain, tempfile.TemporaryDirectory() as folder:
        came = Path(folder) / 'came'
        child = subprocess.Popen(
            [sys.executable, '-m', 'bench.speed.rivals.echo_node', '--note', str(came)],
            env={**os.environ, 'ROS_DOMAIN_ID': str(domain)})
        rclpy.init(domain_id=domain)
        node = rclpy.create_node('camera')
        images = node.create_publisher(Image, 'image', qos_profile_sensor_data)
        while not images.get_subscription_count():
            time.sleep(0.05)
        time.sleep(1.0)
        rgb = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
        sent, due = {}, time.monotonic()
        for number in range(args.frames):
            rgb[0, 0, 0] = number % CODES
            msg = messages.to_image(rgb, time.time_ns(), 'camera')
            sent.setdefault(number % CODES, []).append(time.monotonic())
            images.publish(msg)
            due += 1 / 30
            time.sleep(max(due - time.monotonic(), 0.0))
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)
        child.wait(5)
        rows = [line.split() for line in came.read_text().splitlines()]
    delays = [1e3 * min(float(at) - t for t in sent[int(code)] if t <= float(at))
              for at, code in rows]
    args.note.write_text('\n'.join(map(str, delays)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
