"""Input and output of commands: tables, JSON, formatting, exit codes."""
