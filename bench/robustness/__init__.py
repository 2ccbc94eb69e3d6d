"""Faults, long runs and files that nobody made on purpose."""
