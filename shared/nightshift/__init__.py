"""How any service runs: the chassis, which knows no service by name."""
