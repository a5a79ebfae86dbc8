"""What a command prints and reads: output, formatting, exit codes."""
