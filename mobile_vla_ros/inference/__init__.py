"""Run a checkpoint: images and an instruction in, planned commands out."""
