"""What our nodes are measured beside."""
