"""From recordings to a checkpoint: features, loss, schedule, loop, export."""
