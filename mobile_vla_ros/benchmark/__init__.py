"""Closed loop in the simulator over many scenes, beside trivial baselines."""
