"""How good a policy is: closed loop in the simulator, beside trivial baselines."""
