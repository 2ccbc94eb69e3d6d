"""The command line: one verb, one module. Only the module of the called verb is imported."""

import argparse
from collections.abc import Callable
from importlib import import_module
import json
from pathlib import Path
import sys
from typing import Any, NoReturn

from mobile_vla_ros.environment.packages import missing, MissingPackageError
from mobile_vla_ros.environment.usage import as_started
from mobile_vla_ros.errors import of_system, one_line

VERBS = {
    'demo': ('mobile_vla_ros.cli.demo', 'drive in the simulator and film it'),
    'drive': ('mobile_vla_ros.nodes.drive', 'the node that drives; takes ROS arguments'),
    'sim': ('mobile_vla_ros.nodes.sim', 'the simulator as a node; takes ROS arguments'),
    'teleop': ('mobile_vla_ros.nodes.teleop', 'the node that drives by keys; takes ROS arguments'),
    'record': ('mobile_vla_ros.nodes.record', 'the node that records episodes; takes ROS '
               'arguments'),
    'play': ('mobile_vla_ros.nodes.play', 'the node that plays a bag; takes ROS arguments'),
    'compare': ('mobile_vla_ros.nodes.compare', 'the node that reports on a bag that is played; '
                'takes ROS arguments'),
    'benchmark': ('mobile_vla_ros.cli.benchmark', 'score a policy in the simulator'),
    'replay': ('mobile_vla_ros.cli.replay', 'score a policy on recorded driving'),
    'dataset': ('mobile_vla_ros.cli.dataset', 'make a dataset of recorded driving; look after it'),
    'train': ('mobile_vla_ros.cli.train', 'train a policy on a dataset'),
    'export': ('mobile_vla_ros.cli.export', 'make a runtime file of a checkpoint'),
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
        """Return the help, its commands as they are typed here."""
        return as_started(super().format_help())

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where the help is; end with exit status 2."""
        self.exit(2, as_started(f'error: {message}; {self.prog} --help shows what is allowed\n'))


def add_topics(parser: Parser, *kinds: str) -> None:
    """Add the options that name a bag's topics; `topics_of` reads them."""
    for kind in kinds or ('image', 'command', 'instruction'):
        parser.add_argument(f'--{kind}-topic', help='for a bag that has several')


def topics_of(args: argparse.Namespace) -> dict[str, str]:
    """Return {kind: topic} of the topics that the options name."""
    return {name.removesuffix('_topic'): topic for name, topic in vars(args).items()
            if name.endswith('_topic') and topic}


def save(path: Path, content: Any) -> None:
    """Write a page, or values as JSON; print the path."""
    if isinstance(content, str):
        from mobile_vla_ros.report.html import write_page
        write_page(path, content)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding='utf-8')
    print(path)


def judge(result: dict[str, Any], spec: dict[str, Any] | None) -> int:
    """Return 1, and print why, if a result breaks a limit of a specification; else 0."""
    from mobile_vla_ros.report.gate import failures
    broken = failures(result, spec) if spec else []
    for line in broken:
        print(f'below the gate: {line}', file=sys.stderr)
    return int(bool(broken))


def report(refused: list[str]) -> int:
    """Print each refusal on a line; return 1 if there is one, else 0."""
    for reason in refused:
        print(as_started(f'refused: {one_line(reason, None)}'), file=sys.stderr)
    return int(bool(refused))


def one_line_errors(run: Callable[[list[str] | None], int]) -> Callable[..., int]:
    """Decorate a verb's main: a mistake of the user is one line and exit status 2."""
    def wrapped(argv: list[str] | None = None) -> int:
        try:
            return run(argv) or 0
        except MissingPackageError as error:
            return _refuse(f'this verb {error}')
        except ImportError as error:
            return _refuse(f'this verb {missing(error)}')
        except OSError as error:
            return _refuse(of_system(error))
        except ValueError as error:
            return _refuse(error)
        except KeyboardInterrupt:
            print('stopped', file=sys.stderr)
            return 130
    return wrapped


def _refuse(error: Exception | str) -> int:
    print(as_started(f'error: {one_line(error, None)}'), file=sys.stderr)
    return 2
