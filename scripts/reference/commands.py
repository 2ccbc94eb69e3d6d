"""The verbs of the command line, from their parsers."""

import argparse
from importlib import import_module
import os
from pathlib import Path
import re

from mobile_vla_ros.cli import Parser, VERBS
from scripts.reference.tables import table

INTRODUCTION = """\
Write `.venv/bin/python -m mobile_vla_ros VERB` after `make`, and `ros2 run mobile_vla_ros VERB` in
a ROS workspace. `VERB --help` shows the same. The verbs that start a node take ROS arguments
instead: [nodes.md](nodes.md). These work in the first form only: {}."""
SETUP = Path(__file__).parents[2] / 'setup.py'


def commands_page(note: str) -> str:
    """Return docs/reference/commands.md."""
    lines = ['# The commands', '', note, '', INTRODUCTION.format(_not_installed()), '',
             *table(['verb', 'what it does'],
                    [[f'`{verb}`', text] for verb, (_, text) in VERBS.items()])]
    for verb, (module, _) in VERBS.items():
        if module.startswith('mobile_vla_ros.cli.'):
            for name, parser in _parsers(verb, parser_of(module)):
                lines += ['', f'## {name}', '', ' '.join((parser.description or '').split()), '',
                          *table(['argument', 'default', 'meaning'],
                                 [_row(action) for action in parser._actions
                                  if not isinstance(action, argparse._HelpAction)])]
    return '\n'.join(lines) + '\n'


def _not_installed() -> str:
    """Return the verbs that `ros2 run` does not have."""
    installed = re.findall(r"f'(\w+) = ", SETUP.read_text(encoding='utf-8'))
    return ', '.join(f'`{verb}`' for verb in VERBS if verb not in installed)


class CaughtError(Exception):
    """Carries a parser out of a verb that was about to parse its arguments."""


def parser_of(module: str) -> Parser:
    """Return the parser that a verb's main uses."""
    def catch(parser, *_):
        raise CaughtError(parser)
    parse, Parser.parse_args = Parser.parse_args, catch
    cores, os.cpu_count = os.cpu_count, lambda: 0  # a default that depends on the machine
    try:
        import_module(module).main([])
    except CaughtError as caught:
        return caught.args[0]
    finally:
        Parser.parse_args, os.cpu_count = parse, cores
    raise ValueError(f'{module} parses no arguments with a Parser')


def _parsers(verb: str, parser: Parser):
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield f'{verb} {name}', inner
            return
    yield verb, parser


def _row(action: argparse.Action) -> list[str]:
    value = action.metavar or ('' if action.nargs == 0 else action.dest.upper())
    if action.choices:
        value = ' or '.join(map(str, action.choices))
    name = f'{action.option_strings[-1]} {value}'.strip() if action.option_strings else value
    meaning = (action.help or '').replace('%(default)s', str(action.default)).replace('%%', '%')
    return [f'`{name}`', _default(action), meaning]


def _default(action: argparse.Action) -> str:
    if action.required:
        return 'required'
    if action.default in (None, '', argparse.SUPPRESS) or action.nargs == 0:
        return ''
    if action.type is int and action.dest == 'processes':
        return 'one a core'
    return f'`{action.default}`'
