"""Many dead letters at once: as an object with a plan, a canary and a brake, which outlives the console's process."""
