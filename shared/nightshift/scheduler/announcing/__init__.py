"""Publishing an event when a schedule is due."""
