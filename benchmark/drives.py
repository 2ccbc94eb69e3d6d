"""Bags for measuring with: what the simulated camera sees while the teacher drives."""

from pathlib import Path

import cv2
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import get_typestore, Stores

from mobile_vla_ros.contract import NS
from mobile_vla_ros.sim.expert import Expert
from mobile_vla_ros.sim.scenario import make_scenario
from mobile_vla_ros.sim.seeds import TRAIN
from mobile_vla_ros.sim.simulator import Simulator

STORE = get_typestore(Stores.ROS2_HUMBLE)
START_NS = 1_700_000_000 * NS
QUALITY = 90  # JPEG


def seen(count: int, hz: float, first_seed: int = TRAIN.start):
    """Yield (instruction, RGB uint8 (480, 640, 3), command), scene after scene."""
    simulator = Simulator()
    for seed in range(first_seed, first_seed + 10**6):
        scenario = make_scenario(seed)
        simulator.reset(scenario)
        expert = Expert(scenario)
        while not simulator.outcome().done:
            if count == 0:
                return
            command = expert.act(simulator.pose)
            yield scenario.instruction, simulator.render(), command
            simulator.step(command, 1 / hz)
            count -= 1


def write(path: Path, seconds: float, first_seed: int = TRAIN.start, times: int = 1,
          hz: float = 20.0) -> Path:
    """Write an MCAP bag of VGA JPEGs at `hz`, each followed by its command, over and over."""
    t = STORE.types
    kind = 'sensor_msgs/msg/CompressedImage'
    vector, header = t['geometry_msgs/msg/Vector3'], t['std_msgs/msg/Header']
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        images, words, commands = (
            writer.add_connection(topic, name, typestore=STORE) for topic, name in (
                ('/image', kind), ('/instruction', 'std_msgs/msg/String'),
                ('/cmd_vel', 'geometry_msgs/msg/Twist')))

        def put(connection, ns, msg):
            writer.write(connection, ns, STORE.serialize_cdr(msg, msg.__msgtype__))
        rows = [(text, cv2.imencode('.jpg', rgb[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, QUALITY)
                                    )[1].reshape(-1), command)
                for text, rgb, command in seen(round(seconds * hz), hz, first_seed)]
        said = None
        for number, (text, data, command) in enumerate(rows * times):
            ns = START_NS + round((number / hz + 0.1) * NS)
            if text != said:
                put(words, ns - 1000, t['std_msgs/msg/String'](data=text))
                said = text
            head = header(frame_id='camera', stamp=t['builtin_interfaces/msg/Time'](
                sec=ns // NS, nanosec=ns % NS))
            put(images, ns, t[kind](header=head, format='jpeg', data=data))
            put(commands, ns + NS // 200, t['geometry_msgs/msg/Twist'](
                linear=vector(command.linear_x, command.linear_y, 0.0),
                angular=vector(0.0, 0.0, command.angular_z)))
    return path
