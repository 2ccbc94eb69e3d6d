"""
The compare node: reports on what the live drive node does with a bag that `play` plays.

    python -m mobile_vla_ros compare --ros-args -p html:=out/replay.html

It ends when the bag does; launch/replay.launch.py starts all three.
"""

import json
import os
import signal
import threading
import time
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from std_msgs.msg import String

from mobile_vla_ros import messages
from mobile_vla_ros.contract import Command
from mobile_vla_ros.contract import BACKENDS
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.environment import packages
from mobile_vla_ros.errors import first_line, summary_of
from mobile_vla_ros.nodes.parameters import declare, describe, Setting
from mobile_vla_ros.nodes.spin import run

SETTLE_S = 1.0  # after the bag's end, for what is under way
SETTINGS = (
    Setting('json', '', 'File of the report with every figure'),
    Setting('html', '', 'File of the report as a page'),
    Setting('checkpoint', '', 'Policy file of the drive node; empty: the one that ships'),
    Setting('backend', 'auto', 'Runtime of the policy in the drive node', choices=BACKENDS),
)


class CompareNode(Node):
    """Gathers plans and commands while a bag is played; then writes the report."""

    def __init__(self) -> None:
        """Read parameters and open the topics."""
        super().__init__('compare')
        self.exit_status = 0
        self._values = declare(self, SETTINGS)
        if not self._values['json'] and not self._values['html']:
            raise ValueError("parameter json or html must name a file, got '' for both")
        packages.require(*packages.REPLAY)  # now, not at the end of the bag
        from mobile_vla_ros.replay.live import LiveLog
        self._live, self._reason = LiveLog(), Reason.STARTING
        self._played: dict[str, Any] = {}  # the player's newest status
        self._count, self._error = 0, [0.0] * 3  # of plans against the next recorded commands
        self._plan: Command | None = None
        self._recorded: Any = None  # the subscription to recorded commands
        self._writer: threading.Thread | None = None
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(String, 'play/status', self._on_played, latched)
        self.create_subscription(TwistStamped, 'drive/plan', self._on_plan, 100)
        self.create_subscription(TwistStamped, 'cmd_vel', self._on_command, 100)
        self.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self._drive = self.resolve_topic_name('drive').lstrip('/')
        self._status = self.create_publisher(String, '~/status', 10)
        self.create_timer(0.2, self._inspect, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def start(self) -> bool:
        """Say what the node waits for."""
        self.get_logger().info('waiting for a bag to be played and driven')
        return True

    def close(self) -> None:
        """Say so if there is no report."""
        if self._writer is None:
            self.get_logger().warning('no report: the bag was not played to its end')
            self.exit_status = 1

    def _on_plan(self, msg: TwistStamped) -> None:
        plan = self._plan = messages.to_command(msg)
        self._live.add_plan(messages.to_ns(msg.header.stamp), plan, time.time_ns())

    def _on_command(self, msg: TwistStamped) -> None:
        self._live.add_command(messages.to_ns(msg.header.stamp), messages.to_command(msg),
                               self._reason)

    def _on_recorded(self, msg: TwistStamped) -> None:
        if self._plan:
            self._count += 1
            self._error = [total + abs(a - b) for total, a, b in zip(
                self._error, self._plan, messages.to_command(msg))]
            self._plan = None

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            if status.name == f'{self._drive}: control':
                values = {pair.key: pair.value for pair in status.values}
                self._reason = Reason.__members__.get(values.get('reason', ''), self._reason)

    def _on_played(self, msg: String) -> None:
        self._played = json.loads(msg.data)
        if self._played['done'] and self._writer is None:
            self._writer = threading.Thread(target=self._write, name='report', daemon=True)
            self._writer.start()

    def _inspect(self) -> None:
        # The player begins when every topic has a subscriber; this is the last one.
        if self._recorded is None and self.count_publishers('drive/plan') \
                and self.count_publishers('cmd_vel'):
            self._recorded = self.create_subscription(
                TwistStamped, 'recorded_cmd_vel', self._on_recorded, 100)
        if self._count:
            self._status.publish(String(data=json.dumps({
                'compared': self._count,
                'mae': [round(total / self._count, 4) for total in self._error]})))

    def _write(self) -> None:
        time.sleep(SETTLE_S)
        try:
            from mobile_vla_ros.replay.live import report
            values = self._values
            headline = report(self._live, self._played, values['checkpoint'] or None,
                              values['backend'], values['json'], values['html'])
            self.get_logger().info(headline)
        except (ImportError, OSError, ValueError) as error:
            self._fail(first_line(error))
        except Exception as error:  # else nothing would ever end this node
            self._fail(summary_of(error))
        os.kill(os.getpid(), signal.SIGTERM)

    def _fail(self, reason: str) -> None:
        self.get_logger().fatal(f'no report: {reason}')
        self.exit_status = 1


def main(argv: list[str] | None = None) -> int:
    """Gather until the bag's end, write the report, end."""
    return run(CompareNode, argv, f'{__doc__}\nParameters:\n{describe(SETTINGS)}',
               'compare', SETTINGS)
