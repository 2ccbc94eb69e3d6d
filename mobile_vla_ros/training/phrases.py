"""The simulator's sentences for each task, embedded: words that a training draws from."""

from functools import lru_cache

import numpy as np

from mobile_vla_ros.models.text import encode_texts
from mobile_vla_ros.sim.language import LANGUAGES, sample
from mobile_vla_ros.sim.scenario import COLORS, SIDES


@lru_cache(maxsize=4)  # it takes half a minute, and is the same for every training
def _embed(seed: int, per_language: int) -> np.ndarray:
    rng = np.random.default_rng([seed, 3])
    texts = [sample(side, color, rng, language)
             for side in SIDES for color in COLORS for language in LANGUAGES
             for _ in range(per_language)]
    vectors = encode_texts(texts)  # (sides * colours * phrases, 512)
    return vectors.reshape(len(SIDES), len(COLORS), -1, vectors.shape[-1])


class Phrases:
    """Embedded sentences for each task, drawn once by seed: (sides, colours, phrases, 512)."""

    def __init__(self, seed: int = 0, per_language: int = 150):
        """Draw and embed `per_language` sentences in each language for each task."""
        self.vectors = _embed(seed, per_language)

    def draw(self, side: int, color: int, rng: np.random.Generator) -> np.ndarray:
        """Return the embedding (512,) of one sentence for the task."""
        choices = self.vectors[side, color]
        vector: np.ndarray = choices[int(rng.integers(len(choices)))]
        return vector
