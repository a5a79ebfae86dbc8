"""What can become of an event of a provider: in its row, and on the command line, which needs no table."""

EVENT_OUTCOMES = ("done", "skipped", "stale", "refreshing", "dead")
"""`skipped`: nothing to do; `stale`: a newer event was faster; `refreshing`: the provider is asked for the present
state; `dead`: given up on, the dead letter says why."""
