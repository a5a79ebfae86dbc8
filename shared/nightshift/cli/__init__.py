"""The operator's command line: what runs, what waits, what went wrong, and the means to fix it."""
