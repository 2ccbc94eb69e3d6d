"""One simulated run with the real nodes, filmed."""
