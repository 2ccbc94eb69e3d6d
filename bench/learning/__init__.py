"""How well the models learn: beside baselines, by the number of drives, in eight bits."""
