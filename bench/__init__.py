"""Measurements beside rivals: speed, learning, robustness."""

import sys

from bench.paths import ROOT

sys.path.append(str(ROOT / 'test'))  # they use the tests' helpers, in test/support
