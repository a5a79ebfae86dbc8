"""What a command works with: settings, connections, contracts."""
