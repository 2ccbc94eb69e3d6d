"""What an operator is told."""

from mobile_vla_ros.control.reasons import Reason


def test_every_reason_names_a_way_out():
    assert all(reason.text and reason.way_out for reason in Reason if reason is not Reason.DRIVING)
