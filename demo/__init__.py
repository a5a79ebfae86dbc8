"""Real jobs on the whole stack, each with what came of it."""
