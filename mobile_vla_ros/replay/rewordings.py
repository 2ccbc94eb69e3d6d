"""The same task, or another one, in other words: does the policy listen to what matters?"""

import re

import numpy as np

from mobile_vla_ros.sim.language import parse_instruction, sample, swap_sides

NAMES = {'swapped': 'left and right exchanged', 'blank': 'no instruction',
         'paraphrased': 'the same task, said otherwise',
         'translated': 'the same task in the other language'}
WHY_NOT = {'swapped': 'the instruction names no side for certain',
           'paraphrased': 'the instruction does not name one side and one of the colours',
           'translated': 'the instruction does not name one side and one of the colours'}


def rewordings(text: str) -> dict:
    """
    Return for each of NAMES the words to ask with, None where there are none.

    Only a task that names one side and one colour (sim.language) is said otherwise: of any other
    nobody here knows what it means. The same text gives the same words.
    """
    try:
        side, color = parse_instruction(text)
    except ValueError:
        side = color = None
    words = {'swapped': swap_sides(text), 'blank': '', 'paraphrased': None, 'translated': None}
    if side and color:
        rng = np.random.default_rng(0)
        mine, other = ('ko', 'en') if re.search('[가-힣]', text) else ('en', 'ko')
        while (said := sample(side, color, rng, mine)).lower() == text.lower():
            continue
        words['paraphrased'] = said
        words['translated'] = sample(side, color, rng, other)
    return words
