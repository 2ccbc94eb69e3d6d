"""Run one node until it is done or a signal comes; end by zeros, within a second."""

import faulthandler
import os
import signal
import sys
import threading

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

from mobile_vla_ros.environment.memory import keep_memory
from mobile_vla_ros.environment.packages import missing
from mobile_vla_ros.environment.usage import as_started
from mobile_vla_ros.errors import first_line, summary_of
from mobile_vla_ros.launching.ros_arguments import quote_texts

JOIN_S = 0.4  # for the executor's thread, which a callback may hold
END_S = 3.0  # for everything after a signal: what hangs longer is shown and ended


def run(make_node, argv=None, doc: str = '', name: str = 'node', settings=()) -> int:
    """
    Spin `make_node()` and return the exit status: 0 after a signal, 2 for bad configuration.

    The node has `start() -> bool`, called before spinning; `close()`, called in any case; and
    perhaps an `exit_status`. rclpy's own signal handlers
    shut the context down before a last message can be sent, so they are not installed; and a
    thread that waits inside the middleware runs no handler, so the main thread only waits here.

    :param name: the node's own, for which parameter files must have something.
    :param settings: its table of parameters; what is text there may be written without quotes.
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
    status = [0]

    def finish(code: int = 0):
        status[0] = code
        done.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:
        return _refuse(error)
    try:
        node = make_node()
    except ImportError as error:
        rclpy.try_shutdown()
        return _refuse(f'this node {missing(error)}')
    except Exception as error:
        # rclpy's own, of Python and of C++: a bad parameter, security that cannot be had.
        if not isinstance(error, (ValueError, OSError)) \
                and not type(error).__module__.startswith('rclpy.'):
            raise
        rclpy.try_shutdown()
        return _refuse(error)
    thread = threading.Thread(target=_spin, args=(node, finish), name='executor', daemon=True)
    thread.start()
    done.wait()
    faulthandler.dump_traceback_later(END_S, exit=True)  # needs no lock of Python's
    node.close()
    rclpy.try_shutdown()
    thread.join(JOIN_S)
    sys.stdout.flush()
    sys.stderr.flush()
    code = status[0] or getattr(node, 'exit_status', 0)
    if thread.is_alive():  # in a callback that hangs; all is published, so don't wait for it
        os._exit(code)
    return code


def _spin(node, finish):
    try:
        if not node.start():
            finish(1)
            return
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin()
    except ExternalShutdownException:
        finish()
    except Exception as error:
        if rclpy.ok():
            node.get_logger().fatal(f'{summary_of(error)}: the node ends '
                                    'for this error of its own; start it again')
            finish(1)


def _refuse(error) -> int:
    sys.stderr.write(f'error: {first_line(error)}\n')
    return 2
