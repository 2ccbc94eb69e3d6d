"""Writes docs/reference from what the code declares."""
