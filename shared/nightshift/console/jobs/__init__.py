"""Jobs: found by id or in lists, with what was told of them, what came of them, and their bodies as far as allowed."""
