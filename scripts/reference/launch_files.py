"""The arguments of the launch files, as they declare them; launch itself is not needed."""

import ast
import importlib
from pathlib import Path

from mobile_vla_ros.launching import arguments
from scripts.reference.tables import table

LAUNCH = ('launch', 'launch_ros')
# What of the package needs launch; no argument is declared with it.
NEED_LAUNCH = tuple('mobile_vla_ros.launching.' + name
                    for name in ('description', 'node', 'values'))
INTRODUCTION = """\
Start one with `ros2 launch mobile_vla_ros FILE NAME:=VALUE`. `--show-args` shows the same. An
argument that is left empty keeps the value of the parameter file."""


def launch_page(note: str, folder: Path) -> str:
    """Return docs/reference/launch.md."""
    lines = ['# The launch files', '', note, '', INTRODUCTION]
    for path in sorted(folder.glob('*.launch.py')):
        tree = ast.parse(path.read_text(encoding='utf-8'))
        lines += ['', f'## {path.name}', '', ast.get_docstring(tree).split('\n\n')[0], '',
                  *table(['argument', 'default', 'allowed', 'meaning'],
                         [_row(argument) for argument in declared(tree)])]
    return '\n'.join(lines) + '\n'


def declared(tree: ast.Module) -> list:
    """
    Return the arguments of a launch file: the list that it gives to `describe`.

    :raises ValueError: if there is no such call.
    """
    names = {}
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module not in NEED_LAUNCH \
                and statement.module.split('.')[0] not in LAUNCH:
            module = importlib.import_module(statement.module)
            for alias in statement.names:
                names[alias.asname or alias.name] = _member(module, alias.name)
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            names[statement.targets[0].id] = statement.value.value
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, 'id', '') == 'describe':
            shipped, arguments.shipped = arguments.shipped, lambda *parts: '/'.join(parts)
            try:
                return eval(compile(ast.Expression(call.args[1]), 'launch file', 'eval'),  # nosec
                            names)
            finally:
                arguments.shipped = shipped
    raise ValueError('the launch file does not call describe(__file__, [arguments], ...)')


def _member(module, name: str):
    if hasattr(module, name):
        return getattr(module, name)
    return importlib.import_module(f'{module.__name__}.{name}')


def _row(argument) -> list[str]:
    default = 'required' if argument.default is None else \
        f'`{argument.default}`' if argument.default else ''
    if argument.same_as:
        default = f'as `{argument.same_as}`'
    allowed = ', '.join(f'`{choice}`' for choice in argument.choices if choice)
    return [f'`{argument.name}`', default, allowed, argument.description]
