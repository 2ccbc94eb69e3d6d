"""Keep the memory of one frame for the next: mapping it anew costs about 1 ms a VGA frame."""

import ctypes

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3  # of glibc's malloc.h
KEPT = {MMAP_THRESHOLD: 32 << 20, TRIM_THRESHOLD: 256 << 20, TOP_PAD: 16 << 20}  # bytes


def keep_memory() -> bool:
    """Have malloc hold on to blocks of a frame's size; False where there is no glibc to tell."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return all(mallopt(option, size) == 1 for option, size in KEPT.items())
