"""A careful HTTP client: limits on size and time, no private addresses."""
