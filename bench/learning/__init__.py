"""What is learned, beside baselines, by how many drives."""
