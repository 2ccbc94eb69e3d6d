"""Keep freed memory for the next use: new memory costs a page fault for every 4 KB."""

import ctypes

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD, MMAP_MAX = -1, -2, -3, -4  # of glibc's malloc.h
FRAMES = {MMAP_THRESHOLD: 32 << 20, TRIM_THRESHOLD: 256 << 20, TOP_PAD: 16 << 20}  # bytes
BATCHES = {MMAP_MAX: 0, TRIM_THRESHOLD: 2**31 - 1}  # blocks of any size, until the process ends


def keep_memory(limits: dict[int, int] = FRAMES) -> bool:
    """Make malloc keep freed blocks; return False where there is no glibc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return all(mallopt(option, value) == 1 for option, value in limits.items())
