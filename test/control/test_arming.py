"""Motion takes a deliberate act, and after a stop two."""

from mobile_vla_ros.control.arming import Arming


def test_the_state_of_arming_is_true_or_false():
    arming = Arming()
    for act in (lambda: None, arming.disarm, arming.reset, arming.arm, arming.stop, arming.reset):
        act()
        assert {type(arming.armed), type(arming.latched)} == {bool}


def test_arming_after_a_stop_takes_two_acts():
    arming = Arming()
    assert not arming.armed
    assert arming.arm() and arming.armed
    arming.disarm()
    assert not arming.armed
    arming.arm()
    arming.stop()
    assert not arming.armed
    assert not arming.arm() and not arming.armed
    arming.reset()
    assert not arming.armed
    assert arming.arm()
