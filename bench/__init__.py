"""Measurements beside rivals: speed, learning, robustness."""
