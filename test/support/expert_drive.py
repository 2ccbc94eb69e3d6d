"""Recordings of the simulated task, driven by the expert."""

from support.bags import BagWriter, image, START, text, twist

from mobile_vla_ros.contract import NS
from mobile_vla_ros.sim.expert import Expert
from mobile_vla_ros.sim.scenario import make_scenario
from mobile_vla_ros.sim.seeds import VALIDATION
from mobile_vla_ros.sim.simulator import Simulator


def write_bag(path, seed=VALIDATION.start + 500_000, gap=(99, 99), seconds=25.0):
    """Record the expert at 10 Hz; frames within `gap` (s) are left out."""
    sim, scenario = Simulator(320, 240), make_scenario(seed)
    sim.reset(scenario)
    expert = Expert(scenario)
    with BagWriter(path) as bag:
        bag.put('/instruction', START, text(scenario.instruction))
        while not sim.outcome().done and sim.time_s < seconds:
            now = START + round(sim.time_s * NS) + 1
            command = expert.act(sim.pose)
            if not gap[0] <= sim.time_s < gap[1]:
                bag.put('/camera/image_raw', now, image(sim.render(), now))
            bag.put('/cmd_vel', now + NS // 100, twist(command))
            sim.step(command, 0.1)
    sim.close()
    return scenario
