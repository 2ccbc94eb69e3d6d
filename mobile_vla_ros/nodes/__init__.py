"""The only code that spins; what a node decides is decided elsewhere, in plain values."""
