"""What each command does: loaded when it is run, with all that it needs."""
