"""How the nodes and readers hold out: injected faults, long runs, broken files."""
