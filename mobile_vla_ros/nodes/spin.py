"""Run one node until it is done or a signal comes; then end it within a second."""

from collections.abc import Callable, Iterable
import faulthandler
import os
import signal
import sys
import threading
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

from mobile_vla_ros.environment.memory import keep_memory
from mobile_vla_ros.environment.packages import missing
from mobile_vla_ros.environment.usage import as_started
from mobile_vla_ros.errors import first_line, summary_of
from mobile_vla_ros.launching.checking import Parameter
from mobile_vla_ros.launching.ros_arguments import quote_texts

JOIN_S = 0.4  # to wait for the executor's thread, which a callback may hold
END_S = 3.0  # for everything after a signal; what hangs longer is shown and ended


def run(make_node: Callable[[], Any], argv: list[str] | None = None, doc: str = '',
        name: str = 'node', settings: Iterable[Parameter] = ()) -> int:
    """
    Spin `make_node()` and return the exit status: 0 after a signal, 2 for bad configuration.

    The node has `start() -> bool`, called before spinning, and `close()`, called in any case. It
    may have an `exit_status`. rclpy's own signal handlers are not installed: they shut the context
    down before a last message can be sent. A thread that waits inside the middleware runs no
    handler, so the main thread only waits here.

    :param doc: the text for --help.
    :param name: the node's own, for which parameter files must have something.
    :param settings: its table of parameters; those that are text need no quotes.
    """
    args = sys.argv[1:] if argv is None else list(argv)
    try:
        rest = remove_ros_args(args=['node', *args])[1:]
    except Exception as error:  # rclpy's C++ errors have no common base
        return _refuse(error)
    if rest in (['-h'], ['--help']):
        print(as_started(doc.strip()))
        return 0
    if rest:
        return _refuse(f'unknown arguments {rest}; parameters go behind --ros-args -p NAME:=VALUE')
    try:
        args = quote_texts(args, name, settings)
    except ValueError as error:
        return _refuse(error)
    keep_memory()
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:
        return _refuse(error)
    try:
        node = make_node()
    except Exception as error:
        return _refuse_node(error)
    return _spin_until(done, node)


def _refuse(error: Exception | str) -> int:
    """Say in one line why nothing starts; return the exit status."""
    sys.stderr.write(f'error: {first_line(error)}\n')
    return 2


def _refuse_node(error: Exception) -> int:
    """Refuse a node that could not be made; raise the error if it is one of our own."""
    rclpy.try_shutdown()
    if isinstance(error, ImportError):
        return _refuse(f'this node {missing(error)}')
    # rclpy's errors, of Python and of C++: a bad parameter, security that cannot be had.
    if isinstance(error, (ValueError, OSError)) or type(error).__module__.startswith('rclpy.'):
        return _refuse(error)
    raise error


def _spin_until(done: threading.Event, node: Any) -> int:
    """Spin a node until `done` is set, end it, and return the exit status."""
    spinner = Spinner(node, done)
    spinner.start()
    done.wait()
    faulthandler.dump_traceback_later(END_S, exit=True)  # needs no lock of Python's
    node.close()
    rclpy.try_shutdown()
    spinner.join(JOIN_S)
    sys.stdout.flush()
    sys.stderr.flush()
    status = spinner.exit_status or getattr(node, 'exit_status', 0)
    if spinner.is_alive():  # in a callback that hangs; all is published, so don't wait for it
        os._exit(status)
    return status


class Spinner(threading.Thread):
    """Starts a node and spins it; sets `done` when that is over."""

    def __init__(self, node: Any, done: threading.Event) -> None:
        """Prepare the thread; its `exit_status` becomes 1 after an error."""
        super().__init__(name='executor', daemon=True)
        self._node, self._done, self.exit_status = node, done, 0

    def run(self) -> None:
        """Spin until the context is shut down, or a callback raises."""
        try:
            if not self._node.start():
                self.exit_status = 1
                return
            executor = SingleThreadedExecutor()
            executor.add_node(self._node)
            executor.spin()
        except ExternalShutdownException:
            pass
        except Exception as error:
            if rclpy.ok():
                self.exit_status = 1
                self._node.get_logger().fatal(f'{summary_of(error)}: the node ends for this error '
                                              'of its own; start it again')
        finally:
            self._done.set()
