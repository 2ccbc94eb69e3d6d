"""Command line: one verb, one module; only the module of the verb that is called is imported."""

import argparse
from importlib import import_module
import json
from pathlib import Path
import sys

from mobile_vla_ros.environment.packages import missing, MissingPackageError
from mobile_vla_ros.environment.usage import as_started
from mobile_vla_ros.errors import one_line

VERBS = {
    'demo': ('mobile_vla_ros.cli.demo', 'drive in the simulator and film it'),
    'drive': ('mobile_vla_ros.nodes.drive', 'the node that drives (ROS arguments)'),
    'sim': ('mobile_vla_ros.nodes.sim', 'the simulator as a node (ROS arguments)'),
    'teleop': ('mobile_vla_ros.nodes.teleop', 'drive by keys (ROS arguments)'),
    'record': ('mobile_vla_ros.nodes.record', 'the node that records episodes (ROS arguments)'),
    'play': ('mobile_vla_ros.nodes.play', 'the node that plays a bag (ROS arguments)'),
    'compare': ('mobile_vla_ros.nodes.compare', 'the node that reports on what is played'
                ' (ROS arguments)'),
    'benchmark': ('mobile_vla_ros.cli.benchmark', 'score a policy in the simulator'),
    'replay': ('mobile_vla_ros.cli.replay', 'score a policy on recorded driving'),
    'dataset': ('mobile_vla_ros.cli.dataset', 'recorded driving to what train takes'),
    'train': ('mobile_vla_ros.cli.train', 'recordings to a checkpoint'),
    'export': ('mobile_vla_ros.cli.export', 'a checkpoint to a runtime file'),
    'checkpoint': ('mobile_vla_ros.cli.checkpoint', 'rebuild the shipped checkpoint from seeds'),
}


def main(argv: list[str]) -> int:
    """Run the verb named first in `argv`; return the exit status."""
    if not argv or argv[0] in ('-h', '--help'):
        print(as_started('usage: python -m mobile_vla_ros VERB [--help]\n'))
        print('\n'.join(f'  {verb:<11} {text}' for verb, (_, text) in VERBS.items()))
        return 0 if argv else 2
    if argv[0] not in VERBS:
        print(f'unknown verb {argv[0]!r}; one of {", ".join(VERBS)}', file=sys.stderr)
        return 2
    try:
        module = import_module(VERBS[argv[0]][0])
    except ImportError as error:
        print(f'error: {argv[0]} {missing(error)}', file=sys.stderr)
        return 2
    return module.main(argv[1:]) or 0


class Parser(argparse.ArgumentParser):
    """Arguments of a verb; a wrong one is one line and exit status 2."""

    def format_help(self) -> str:
        """Return the help with commands as they are started here."""
        return as_started(super().format_help())

    def error(self, message: str):
        """Say what is wrong and where to read on."""
        self.exit(2, as_started(f'error: {message}; {self.prog} --help shows what is allowed\n'))


def add_topics(parser: Parser, *kinds: str) -> None:
    """Add the options that name a bag's topics; `topics_of` reads them."""
    for kind in kinds or ('image', 'command', 'instruction'):
        parser.add_argument(f'--{kind}-topic', help='where a bag has several')


def topics_of(args) -> dict[str, str]:
    """Return the topics that were named, by kind."""
    return {name.removesuffix('_topic'): topic for name, topic in vars(args).items()
            if name.endswith('_topic') and topic}


def save(path: Path, content) -> None:
    """Write a page, or values as JSON; say where."""
    if isinstance(content, str):
        from mobile_vla_ros.report.html import write_page
        write_page(path, content)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding='utf-8')
    print(path)


def judge(result: dict, spec: dict | None) -> int:
    """Return 1 and say why if `result` breaks a limit of a gate's specification, 0 otherwise."""
    from mobile_vla_ros.report.gate import failures
    broken = failures(result, spec) if spec else []
    for line in broken:
        print(f'below the gate: {line}', file=sys.stderr)
    return int(bool(broken))


def report(refused: list[str]) -> int:
    """Say what was refused, a line each; return 1 if anything was, 0 otherwise."""
    for reason in refused:
        print(as_started(f'refused: {one_line(reason, None)}'), file=sys.stderr)
    return int(bool(refused))


def one_line_errors(run):
    """Decorate a verb's main: what the user did wrong is one line and exit status 2."""
    def wrapped(argv=None) -> int:
        try:
            return run(argv) or 0
        except MissingPackageError as error:
            return _refuse(f'this verb {error}')
        except ImportError as error:
            return _refuse(f'this verb {missing(error)}')
        except (OSError, ValueError) as error:
            return _refuse(error)
        except KeyboardInterrupt:
            print('stopped', file=sys.stderr)
            return 130
    return wrapped


def _refuse(error) -> int:
    print(as_started(f'error: {one_line(error, None)}'), file=sys.stderr)
    return 2
