"""The same task, or another one, in other words: does the policy listen to what matters?"""

import numpy as np

from mobile_vla_ros.instruction import language_of
from mobile_vla_ros.sim.language import parse_instruction, sample, swap_sides

NAMES = {'swapped': 'left and right exchanged', 'blank': 'no instruction',
         'paraphrased': 'the same task in other words',
         'translated': 'the same task in the other language'}
NO_TASK = 'the instruction does not name one side and one of the colours'
WHY_NOT = {'swapped': 'the instruction names no side for certain', 'paraphrased': NO_TASK,
           'translated': NO_TASK}


def rewordings(text: str) -> dict[str, str | None]:
    """
    Return for each of NAMES the words to ask with, None where there are none.

    Only a task that names one side and one colour (sim.language) is put in other words: what any
    other means is not known here. The same text always gives the same words.
    """
    words: dict[str, str | None] = {'swapped': swap_sides(text), 'blank': '',
                                    'paraphrased': None, 'translated': None}
    try:
        side, color = parse_instruction(text)
    except ValueError:
        return words
    if side and color:
        rng = np.random.default_rng(0)
        own = language_of(text)
        while (paraphrase := sample(side, color, rng, own)).lower() == text.lower():
            continue
        words['paraphrased'] = paraphrase
        words['translated'] = sample(side, color, rng, 'en' if own == 'ko' else 'ko')
    return words
