"""Bags to measure with: the simulated camera's pictures while the teacher drives."""

from dataclasses import replace
from pathlib import Path

from rosbags.rosbag2 import StoragePlugin

from mobile_vla_ros.contract import NS
from mobile_vla_ros.sim.expert import Expert
from mobile_vla_ros.sim.scenario import make_scenario
from mobile_vla_ros.sim.seeds import TRAIN
from mobile_vla_ros.sim.simulator import Simulator
from support.bags import BagWriter, header, jpeg, START, text, twist

QUALITY = 90  # JPEG


def frames(count: int, hz: float, first_seed: int = TRAIN.start):
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
    """Write an MCAP bag of VGA JPEGs at `hz`, each followed by its command, `times` over."""
    rows = [(words, jpeg(rgb, 0, QUALITY), command)
            for words, rgb, command in frames(round(seconds * hz), hz, first_seed)]
    published = None
    with BagWriter(path, StoragePlugin.MCAP) as bag:
        for number, (words, picture, command) in enumerate(rows * times):
            ns = START + round((number / hz + 0.1) * NS)
            if words != published:
                bag.put('/instruction', ns - 1000, text(words))
                published = words
            bag.put('/image', ns, replace(picture, header=header(ns)))
            bag.put('/cmd_vel', ns + NS // 200, twist(command))
    return path
