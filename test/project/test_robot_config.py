"""The shipped settings of the joystick and of what merges it with the policy belong together."""


import yaml
from support.paths import ROOT

DEAD_S = 0.3  # from a joystick's death until it drives no more


def settings(name, node):
    return yaml.safe_load((ROOT / 'config' / name).read_text())[node]['ros__parameters']


def test_27_a_joystick_that_dies_is_dropped_in_time_and_a_live_one_is_not():
    topics = settings('twist_mux.yaml', '/**')['topics']
    hz = settings('joy.yaml', '/**/joy_node')['autorepeat_rate']
    assert 4 / hz <= topics['joystick']['timeout'] <= DEAD_S
