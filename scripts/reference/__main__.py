"""
Write docs/reference from what nodes, launch files and verbs declare.

    make reference          # a test compares what this writes with what is there
"""

import argparse
from pathlib import Path
import tempfile

import yaml

from mobile_vla_ros.environment.domain import own_domain
from scripts.reference import nodes
from scripts.reference.commands import commands_page
from scripts.reference.launch_files import launch_page
from scripts.reference.tables import table

ROOT = Path(__file__).resolve().parents[2]
WORDS = Path('scripts', 'reference', 'words.yaml')
TITLES = {'sim': 'simulator'}
NOTE = '<!-- Written by `make reference`. Change the code, not this page. -->'
INTRODUCTION = """\
Every node with its topics, services and parameters. Names without a leading `/` are relative:
remap them with `-r`, or start the node in a namespace. `~/` stands for the node's own name.
`ros2 run mobile_vla_ros NODE --help` shows the parameters too.

A parameter that is *live* may change while the node runs. Any other is set at the start; the drive
node takes it as long as it is not configured."""
DIRECTIONS = {'in': 'in', 'out': 'out', 'service': 'service', 'calls': 'it calls'}


def nodes_page(words: dict) -> str:
    """Return docs/reference/nodes.md."""
    lines = ['# The nodes', '', NOTE, '', INTRODUCTION]
    with own_domain() as domain:
        for node in nodes.NODES:
            with tempfile.TemporaryDirectory() as folder:
                ends, options = nodes.ends_of(node, Path(folder), domain)
            said = words[node]
            title = f'## The {TITLES.get(node, node)} node'
            lines += ['', title, '', said['about'].strip(), '',
                      *topics_table(node, ends, options, said['topics']), '',
                      *parameters_table(nodes.module_of(node).SETTINGS)]
            if 'more' in said:
                lines += ['', said['more'].strip()]
    return '\n'.join(lines) + '\n'


def topics_table(node: str, ends: list, options: list[str], said: dict) -> list[str]:
    """
    Return the table of a node's topics and services, in the order of their words.

    :raises ValueError: for a name that has no words, or words without their name.
    """
    found = {end.name for end in ends}
    if unsaid := found - set(said):
        raise ValueError(f'{WORDS} has no words for {node}: {", ".join(sorted(unsaid))}')
    if gone := set(said) - found:
        raise ValueError(f'{WORDS} has words for what {node} does not open: '
                         f'{", ".join(sorted(gone))}')
    order = list(said)
    rows = [[f'`{end.name}`', DIRECTIONS[end.kind], types_of(end),
             said[end.name] + condition_of(end, options)]
            for end in sorted(ends, key=lambda end: order.index(end.name))]
    return table(['topic or service', 'in or out', 'type', 'what for'], rows)


def types_of(end) -> str:
    """Return the type of an end, and by which option it has another."""
    usual = end.types.get('', next(iter(end.types.values())))
    others = {kind: option for option, kind in end.types.items() if kind != usual}
    return usual + ''.join(f'; {kind.split("/")[1]} with {option}'
                           for kind, option in others.items())


def condition_of(end, options: list[str]) -> str:
    """Return with which options an end is there, or is not; '' where it always is."""
    if '' in end.types:
        without = [option for option in options if option not in end.types]
        return f' Not with {" or ".join(without)}.' if without else ''
    return f' With {" or ".join(end.types)}.'


def parameters_table(settings) -> list[str]:
    """Return the table of a node's parameters."""
    return table(['parameter', 'default', 'allowed', 'live', 'meaning'], [
        [f'`{setting.name}`', f'`{shown(setting.default)}`', allowed(setting),
         'yes' if setting.live else '', setting.description] for setting in settings])


def allowed(setting) -> str:
    """Return what a parameter may be, in words."""
    if setting.choices:
        return ', '.join(f'`{choice}`' if choice else 'empty' for choice in setting.choices)
    return setting.allowed


def shown(default) -> str:
    """Return a default as YAML has it."""
    if isinstance(default, tuple):
        return str(list(default))
    return str(default).lower() if isinstance(default, bool) else repr(default)


def main(argv=None) -> int:
    """Write every page of the reference."""
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--out', type=Path, default=ROOT / 'docs' / 'reference')
    args = p.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    words = yaml.safe_load((ROOT / WORDS).read_text(encoding='utf-8'))
    for name, text in (('nodes.md', nodes_page(words)),
                       ('launch.md', launch_page(NOTE, ROOT / 'launch')),
                       ('commands.md', commands_page(NOTE))):
        (args.out / name).write_text(text, encoding='utf-8')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
