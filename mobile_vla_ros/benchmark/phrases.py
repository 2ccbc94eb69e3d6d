"""Other ways to say a task, from a YAML file, to measure how well other wordings do."""

from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np

from mobile_vla_ros.sim.scenario import COLORS, SIDES
from mobile_vla_ros.yaml_file import read_yaml

SHAPE = ('language -> {templates: [... {side} ... {color} ...], '
         'side: {left: word, right: word}, color: {red: word, ...}}')


# The templates, and for 'side' and 'color' the words of every name.
Language = tuple[list[str], dict[str, dict[Any, list[Any]]]]


class PhraseFile:
    """Sentences for (side, colour) drawn by seed from a file's languages and templates."""

    def __init__(self, path: str | Path):
        """
        Read and check `path`.

        :raises ValueError: naming what is missing and the shape that is expected.
        """
        content = read_yaml(path, f'a phrases file is {SHAPE}')
        self.languages = {
            str(name): _language(path, str(name), table)
            for name, table in content.items()}

    def sample(self, side: str, color: str, rng: np.random.Generator) -> tuple[str, str]:
        """
        Return (language, sentence).

        :raises ValueError: if the drawn language has no word for the side or the colour.
        """
        language = str(rng.choice(list(self.languages)))
        templates, words = self.languages[language]
        picked = {}
        for kind, name in (('side', side), ('color', color)):
            if name not in words[kind]:
                raise ValueError(f'the phrases file has no {language} word for the {kind} {name}')
            picked[kind] = str(rng.choice(words[kind][name]))
        return language, str(rng.choice(templates)).format(**picked)


@cache
def read_phrases(path: str) -> PhraseFile:
    """Return the phrases in a file, which a process reads once; raise as PhraseFile does."""
    return PhraseFile(path)


def _language(path: str | Path, name: str, table: object) -> Language:
    if not isinstance(table, dict) or not isinstance(table.get('templates'), list):
        raise ValueError(f'{path}: {name} needs templates; a phrases file is {SHAPE}')
    for template in table['templates']:
        named = {(field, more, how) for _, field, more, how in Formatter().parse(str(template))
                 if field is not None}
        if named != {('side', '', None), ('color', '', None)}:  # no {side:99999999} either
            raise ValueError(f'{path}: the {name} template {template!r:.200} must hold {{side}} '
                             'and {color}, and nothing else in braces')
    words: dict[str, dict[Any, list[Any]]] = {}
    for kind, allowed in (('side', SIDES), ('color', COLORS)):
        given = table.get(kind, table.get(f'{kind}s'))  # both spellings are natural
        if not isinstance(given, dict):
            raise ValueError(f'{path}: {name} needs the words for {kind}; a phrases file is '
                             f'{SHAPE}')
        words[kind] = {key: value if isinstance(value, list) else [value]
                       for key, value in given.items()}
        missing = set(allowed if kind == 'side' else ()) - set(words[kind])
        if missing:
            raise ValueError(f'{path}: {name} has no word for {", ".join(sorted(missing))}')
    return [str(template) for template in table['templates']], words
