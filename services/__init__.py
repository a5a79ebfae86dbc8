"""Who does the work: one deployable folder per service."""
