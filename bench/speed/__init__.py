"""The scoreboard: how fast, beside rivals of the same run."""
