"""Which scene seeds belong to which split; the splits are kept apart here only."""

TRAIN = range(0, 1_000_000)
VALIDATION = range(1_000_000, 2_000_000)
TEST = range(2_000_000, 3_000_000)
SUITES = range(2_500_000, 3_000_000)  # of them, those of the benchmark's suites


def split_of(seed: int) -> str:
    """Return 'train', 'validation' or 'test'; seeds past the test range count as test."""
    if seed in TRAIN:
        return 'train'
    return 'validation' if seed in VALIDATION else 'test'
