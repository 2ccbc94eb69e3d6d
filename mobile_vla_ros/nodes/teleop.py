"""
The teleop node: drive by the keys of a plain terminal, over ssh too, and record episodes.

    python -m mobile_vla_ros teleop --ros-args -p base:=differential
"""

import codecs
import contextlib
import json
import os
import select
import signal
import sys
import termios
import threading
import time
import tty
from typing import Any

from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter

from geometry_msgs.msg import Twist, TwistStamped
from std_msgs.msg import String
from std_srvs.srv import Trigger

from mobile_vla_ros import messages
from mobile_vla_ros.contract import Command, STOP
from mobile_vla_ros.control.keys import PASTES
from mobile_vla_ros.control.teleop import BASES, HELP, Label, Teleop
from mobile_vla_ros.nodes import compat
from mobile_vla_ros.nodes.parameters import declare, describe, Setting
from mobile_vla_ros.nodes.spin import run

PERIOD_S = 0.05  # between two commands
ANSWER_S = 3.0  # for which an answer is shown
ZEROS_S = 1.0  # of zeros after a release; then others may drive
SETTINGS = (
    Setting('base', 'holonomic', 'differential: a and d turn instead of moving sideways',
            choices=BASES),
    Setting('stamped', False, 'Publish TwistStamped instead of Twist'),
    Setting('frame_id', 'base_link', 'Frame of a TwistStamped'),
)


class TeleopNode(Node):
    """Reads keys and publishes in one thread of its own, so that a release stops at once."""

    def __init__(self) -> None:
        """Take the terminal."""
        super().__init__('teleop')
        if not sys.stdin.isatty():
            raise ValueError('the teleop node needs a terminal: start it in one of its own, not '
                             'from a launch file or a pipe')
        values = declare(self, SETTINGS)
        self._stamped, self._frame = values['stamped'], values['frame_id']
        self._teleop = Teleop(values['base'])
        self._commands = self.create_publisher(
            TwistStamped if self._stamped else Twist, 'cmd_vel', 10)
        self._episodes: dict[str, Any] = {name: self.create_client(Trigger, f'record/{name}')
                         for name in ('start', 'keep', 'discard')}
        self._labels: Any = self.create_client(SetParameters, 'record/set_parameters')
        self.create_subscription(String, 'record/status', self._on_status, 10)
        self._answer, self._answered_at = '', 0.0  # of the record node, and when, s
        self._episode = ''  # how it stands, as the record node says
        self._moved_at = -ZEROS_S  # when the last command moved the base, s
        self._done = threading.Event()
        self._before = termios.tcgetattr(sys.stdin)
        self._thread = threading.Thread(target=self._drive, name='keys', daemon=True)

    def start(self) -> bool:
        """Begin to read keys."""
        tty.setcbreak(sys.stdin)
        print(PASTES[0] + HELP, flush=True)
        self._thread.start()
        return True

    def close(self) -> None:
        """Send the last zeros and give the terminal back."""
        self._done.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(0.3)
        for _ in range(3):
            self._publish(STOP)
        compat.wait_for_acks(self._commands, 0.1)
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)
            print(PASTES[1], flush=True)

    def _drive(self) -> None:
        due, decoder = time.monotonic(), codecs.getincrementaldecoder('utf-8')(
            'surrogateescape')  # a byte that is no UTF-8 may begin a sequence
        while not self._done.is_set():
            now = time.monotonic()
            wake = min(due, self._teleop.hand.deadline)
            try:
                ready, _, _ = select.select([sys.stdin], [], [], max(0.0, wake - now))
                read = os.read(sys.stdin.fileno(), 64) if ready else None
            except OSError:
                read = b''
            if read == b'':  # the terminal is gone
                self._publish(STOP)
                os.kill(os.getpid(), signal.SIGTERM)
                return
            now, keys = time.monotonic(), decoder.decode(read or b'')
            for key in keys:
                if wish := self._teleop.key(key, now):
                    self._ask(wish)
            if keys or now >= wake:
                self._move(now)
            if now >= due:
                due = now + PERIOD_S
                self._show()

    def _move(self, now: float) -> None:
        command = self._teleop.command(now)
        if command != STOP:
            self._moved_at = now
        if now - self._moved_at < ZEROS_S:
            self._publish(command)

    def _publish(self, command: Command) -> None:
        if self._stamped:
            self._commands.publish(messages.to_twist_stamped(
                command, self.get_clock().now().nanoseconds, self._frame))
        else:
            self._commands.publish(messages.to_twist(command))

    def _ask(self, wish: str | Label) -> None:
        """Ask the record node to start, keep or discard an episode, or to label it."""
        if isinstance(wish, Label):
            client, action = self._labels, f'set {wish.name}'
            request = SetParameters.Request(
                parameters=[Parameter(wish.name, value=wish.value).to_parameter_msg()])
        else:
            client, action, request = self._episodes[wish], wish, Trigger.Request()
        if not client.service_is_ready():
            self._show_answer(f'cannot {action}: no record node is running')
            return
        client.call_async(request).add_done_callback(
            lambda future: self._on_answer(wish, future.result()))

    def _on_answer(self, wish: str | Label, answer: Any) -> None:
        if isinstance(wish, Label):
            result = answer.results[0]
            self._show_answer(f'{wish.name}: {wish.value}' if result.successful
                              else result.reason)
        elif not answer.success:
            self._show_answer(answer.message)
        elif wish == 'keep':
            kept = json.loads(answer.message)['kept']
            self._show_answer('kept; ' + ', '.join(f'{count} {label}'
                                                   for label, count in kept.items()))

    def _show_answer(self, text: str) -> None:
        self._answer, self._answered_at = text, time.monotonic()

    def _on_status(self, msg: String) -> None:
        state = json.loads(msg.data)
        label = state['scenario'] or state['instruction'] or 'no instruction'
        parts = [f'recording {state["seconds"]:.1f} s' if state['recording'] else 'ready',
                 f'{state["image_hz"]:.0f} Hz', f'{state["kept"].get(label, 0)} of '
                 f'{sum(state["kept"].values())} kept: {label}']
        self._episode = '  '.join(parts[:1] + state['troubles'][:1] + parts[1:])

    def _show(self) -> None:
        now = time.monotonic()
        command = self._teleop.command(now)
        news = self._answer if now - self._answered_at < ANSWER_S else self._episode
        entry = self._teleop.entry
        line = f'{entry.name} (Enter takes it): {entry.text}_' if entry else (
            f'{self._teleop.speed:.1f} m/s  x {command.linear_x:+.2f} y '
            f'{command.linear_y:+.2f} turn {command.angular_z:+.2f}  {news}')
        width = os.get_terminal_size().columns or 80
        sys.stdout.write(f'\r\x1b[K{line[:width - 1]}')
        sys.stdout.flush()


def main(argv: list[str] | None = None) -> int:
    """Run the node until a signal comes or the terminal is gone."""
    return run(TeleopNode, argv, f'{__doc__}\nKeys:\n{HELP}\n\n'
               f'Parameters:\n{describe(SETTINGS)}', 'teleop', SETTINGS)
