"""Recordings of other programs: imports and exports."""
